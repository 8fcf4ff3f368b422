import { expect, test } from 'vitest'
import { exitCodes } from './exit-codes.ts'
import { run } from './run.ts'

async function ran(argv: readonly string[], signal = new AbortController().signal) {
  const texts = { stdout: '', stderr: '' }
  const output = (name: keyof typeof texts) => ({
    write: (text: string) => {
      texts[name] += text
    },
  })
  const streams = { stdout: output('stdout'), stderr: output('stderr') }
  const code = await run(argv, { streams, keyboard: undefined, environment: {}, signal })
  return { code, ...texts }
}

test.each([
  [['rules'], /PlimsollMemory|plimsoll_/],
  [['rules', '--sdk', '--tests'], /plimsoll\.rules\.yml/],
  [['rules', '--exporter'], /redis_memory/],
  [['rules', '--exporter', '--tests'], /redis-exporter\.rules\.yml/],
  [['dashboard'], /"title": "Plimsoll"/],
])('%j prints the file', async (argv, content) => {
  const { code, stdout, stderr } = await ran(argv)
  expect({ code, stderr }).toEqual({ code: exitCodes.fine, stderr: '' })
  expect(stdout).toMatch(content)
})

test.each([[['--help']], [['doctor', '--help']], [['rules', '-h']], [['dashboard', '--help']]])(
  '%j helps, within 80 columns',
  async (argv) => {
    const { code, stdout, stderr } = await ran(argv)
    expect({ code, stderr }).toEqual({ code: exitCodes.fine, stderr: '' })
    expect(stdout).toMatch(/plimsoll/)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  },
)

test.each([
  [['cure'], /unknown command: expected doctor, plan, rules or dashboard/],
  [['rules', '--sdk', '--exporter'], /--exporter: expected one of --sdk and --exporter/],
  [['rules', 'all'], /rules: takes no argument/],
  [['dashboard', '--json'], /--json: unknown option/],
  [['doctor'], /expected a URL/],
  [['doctor', 'redis://127.0.0.1:1', '--pod', '/nowhere/pod.json'], /--pod: cannot read that file \(ENOENT\)/],
  [['doctor', 'redis://127.0.0.1:1', '--ca', '/nowhere/ca.pem'], /--ca: cannot read that file/],
])('%j: called wrongly', async (argv, line) => {
  const { code, stdout, stderr } = await ran(argv)
  expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: '' })
  expect(stderr).toMatch(line)
  expect(stderr.match(/\n/g)).toHaveLength(1)
})

test('without a command it says which there are', async () => {
  const { code, stderr } = await ran([])
  expect(code).toBe(exitCodes.usage)
  expect(stderr).toMatch(/plimsoll doctor redis/)
})

test('an interruption is no error', async () => {
  const { code, stderr } = await ran(['doctor', 'redis://127.0.0.1:1'], AbortSignal.abort(new Error('interrupted')))
  expect({ code, stderr }).toEqual({ code: exitCodes.interrupted, stderr: '' })
})
