import { findRedisServer } from '../../scripts/redis-server.ts'
import { help, readOptions, UsageError } from './demo-options.ts'
import { LineScreen } from './line-screen.ts'
import { LiveScreen, liveScreenRoom } from './live-screen.ts'
import { servePage } from './page.ts'
import { paintFor } from './paint.ts'
import { run } from './run.ts'
import type { Screen, ScreenSettings } from './screen.ts'
import { renderOutcome } from './table.ts'
import { schedule, secondsOf } from './troubles.ts'
import { count } from './wording.ts'
import { traceWorkload, zipfWorkload } from './workload.ts'

class Interrupted extends Error {
  constructor(readonly exitCode: number) {
    super('interrupted')
  }
}

try {
  await demo()
} catch (error) {
  process.exitCode = explain(error)
}
// Sockets of a browser and the like must not keep a finished demo alive.
process.exit()

async function demo(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env)
  if (!options) return void process.stdout.write(help)

  const steps = schedule(options.quick ? 'quick' : 'full')
  // Bringing a trouble takes a moment too, so the script runs a little longer than it says.
  const requests = options.rate * (secondsOf(steps) + 10)
  const workload = options.trace ? await readTrace(options.trace, requests) : zipfWorkload(requests)
  const headline =
    `${count(options.rate)} requests/s to each side · ${workload.description} · ` +
    `${options.workers} ${options.workers === 1 ? 'worker' : 'workers'} a side · ${secondsOf(steps)} s`

  // Looked for before the screen is drawn: on a bare machine it is installed, with a word about it.
  await findRedisServer()

  const stream = options.json ? process.stderr : process.stdout
  const page = options.page ? await servePage(options.pagePort, { headline, steps }) : undefined
  const screen = createScreen(stream, { headline, rate: options.rate, steps, pageAddress: page?.address })
  try {
    const outcome = await run(
      { rate: options.rate, workers: options.workers, steps, workload, databaseUrl: options.databaseUrl },
      {
        onProgress: (what) => screen.progress(what),
        onFrame: (frame) => {
          screen.show(frame)
          page?.show(frame)
        },
      },
      interruption(),
    )
    await page?.finish(outcome)
    process.stdout.write(
      options.json ? `${JSON.stringify(outcome)}\n` : `\n${renderOutcome(outcome, paintFor(process.stdout))}\n\n`,
    )
  } finally {
    screen.close()
  }
}

/** A live picture on a terminal that has the room for it, one line a second everywhere else. */
function createScreen(stream: NodeJS.WriteStream, settings: ScreenSettings): Screen {
  const roomy = stream.isTTY && stream.columns >= liveScreenRoom.columns && stream.rows >= liveScreenRoom.rows
  return roomy ? new LiveScreen(stream, settings, paintFor(stream)) : new LineScreen(stream, settings)
}

function interruption(): AbortSignal {
  const abort = new AbortController()
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
  for (const [signal, exitCode] of Object.entries(signals)) {
    // Once is enough: a package manager may pass on the signal that the terminal has sent already.
    process.on(signal, () => abort.abort(new Interrupted(exitCode)))
  }
  return abort.signal
}

async function readTrace(path: string, requests: number) {
  try {
    return await traceWorkload(path, requests)
  } catch (error) {
    throw new UsageError(`cannot read the trace ${path}: ${error instanceof Error ? error.message : error}`)
  }
}

function explain(error: unknown): number {
  if (error instanceof Interrupted) {
    process.stderr.write('\nInterrupted; everything is stopped.\n')
    return error.exitCode
  }
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\nSee pnpm demo --help.\n`)
    return 2
  }
  process.stderr.write(`\nThe demo could not run: ${error instanceof Error ? error.message : error}\n`)
  return 1
}
