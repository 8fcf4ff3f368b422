import { help, parse, type Wishes } from './command-line.ts'
import { describeMachine, machineLine } from './machine.ts'
import { peers } from './peers/index.ts'
import { type Finished, scenarioReport, summaryReport } from './report.ts'
import { scenarios } from './scenarios/index.ts'
import { onStage } from './stage.ts'

const onTerminal = process.stderr.isTTY === true

function progress(text: string): void {
  process.stderr.write(onTerminal ? `\r\u001b[2K${text}` : `${text}\n`)
}

function endProgress(): void {
  if (onTerminal) process.stderr.write('\r\u001b[2K')
}

async function run(wishes: Wishes): Promise<boolean> {
  const machine = await describeMachine(wishes.peers)
  const style = {
    markdown: wishes.output === 'markdown',
    colours: process.stdout.isTTY === true && !process.env['NO_COLOR'],
  }
  const print = (text: string): void => {
    if (wishes.output !== 'json') console.log(text)
  }
  print(`${machineLine(machine)}\n`)

  const finished: Finished[] = []
  for (const [index, scenario] of wishes.scenarios.entries()) {
    const place = `[${index + 1}/${wishes.scenarios.length}] ${scenario.name}`
    const stage = {
      quick: wishes.quick,
      peers: wishes.peers,
      connections: { tuned: wishes.tuned },
      progress: (text: string) => progress(`${place}: ${text}`),
    }
    const start = performance.now()
    const outcome = await onStage(stage, scenario.run)
    progress(`${place}: took ${((performance.now() - start) / 1000).toFixed(0)} s`)
    endProgress()
    finished.push({ scenario, outcome })
    print(scenarioReport({ scenario, outcome }, style))
  }
  print(summaryReport(finished, style))

  const missed = finished.flatMap(({ scenario, outcome }) =>
    outcome.requirements.filter(({ met }) => !met).map(({ text }) => `${scenario.name}: ${text}`),
  )
  if (missed.length > 0) print(`Plimsoll missed:\n${missed.map((text) => `  ${text}`).join('\n')}`)
  if (wishes.output === 'json') {
    const results = finished.map(({ scenario: { name, about }, outcome: { columns, rows, requirements } }) => ({
      name,
      about,
      columns,
      rows: rows.map(({ candidate, values }) => ({ candidate, values })),
      requirements,
    }))
    const { quick, tuned } = wishes
    console.log(JSON.stringify({ machine, quick, tuned, scenarios: results, passed: missed.length === 0 }, null, 2))
  }
  return missed.length === 0
}

function list(): string {
  return [
    'Scenarios',
    ...scenarios.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`),
    '',
    'Libraries',
    ...peers.map(({ name }) => `  ${name}`),
  ].join('\n')
}

process.on('SIGINT', () => {
  endProgress()
  process.stderr.write('interrupted\n')
  // Workers and servers end with this process, however it ends.
  process.exit(130)
})

try {
  const request = parse(process.argv.slice(2))
  if (request.kind === 'help') console.log(help)
  else if (request.kind === 'list') console.log(list())
  else process.exitCode = (await run(request.wishes)) ? 0 : 1
} catch (error) {
  endProgress()
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
