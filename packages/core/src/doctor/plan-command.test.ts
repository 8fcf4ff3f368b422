import { describe, expect, test } from 'vitest'
import { CouldNotLook } from './could-not-look.ts'
import { type MeasuredKeys, planCommand } from './plan-command.ts'

const unused = () => Promise.reject(new Error('not to be measured'))

async function run(line: string, measure: (url: string) => Promise<MeasuredKeys> = unused) {
  const printed = { out: '', err: '' }
  const streams = {
    stdout: { write: (text: string) => Object.assign(printed, { out: printed.out + text }) },
    stderr: { write: (text: string) => Object.assign(printed, { err: printed.err + text }) },
  }
  const code = await planCommand(
    line.split(' ').filter((word) => word !== ''),
    streams,
    { measure },
  )
  return { code, ...printed }
}

describe('plimsoll plan', () => {
  test('prints a table, or JSON', async () => {
    const table = await run('--users 10000 --sessions 3 --bytes 2Ki --growth 5%/month')
    expect(table).toMatchObject({ code: 0, err: '' })
    expect(table.out).toMatch(/rule of thumb +73\.7 MB/)
    expect(table.out).toMatch(/maxmemory +200mb/)
    expect(table.out).toMatch(/month 20 .* full/)
    const { code, out } = await run('--users 10000 --sessions=3 --bytes 2048 --json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ keys: 30_000, maxmemoryText: '200mb', policy: 'allkeys-lru', growth: null })
  })

  test('from keys and their measured size', async () => {
    const { out } = await run('--keys 1000000 --key-bytes 370 --purpose cache --headroom 1.5 --json')
    expect(JSON.parse(out)).toMatchObject({ data: 370_000_000, bytesPerKey: 370, overhead: null, ruleOfThumb: null })
  })

  test('from a Redis, with what MEMORY USAGE leaves out', async () => {
    const measure = async () => ({ keys: 20_000, sampled: 100, expiring: 100, bytes: 264_800 })
    const { out } = await run('--redis redis://localhost --json', measure)
    expect(JSON.parse(out)).toMatchObject({ keys: 20_000, bytesPerKey: 2_714, purpose: 'cache' })
    const more = await run('--redis redis://localhost --users 40000 --json', measure)
    expect(JSON.parse(more.out)).toMatchObject({ keys: 40_000, purpose: 'session' })
  })

  test('a Redis that cannot be looked at, or is empty: one line, exit code 3', async () => {
    const failing = await run('--redis redis://:secret@db:1', () =>
      Promise.reject(new CouldNotLook('db:1: nothing listens')),
    )
    expect(failing).toEqual({ code: 3, out: '', err: 'plimsoll plan: db:1: nothing listens\n' })
    const empty = await run('--redis redis://db', async () => ({ keys: 0, sampled: 0, expiring: 0, bytes: 0 }))
    expect(empty).toMatchObject({ code: 3, out: '', err: expect.stringContaining('holds no keys') })
  })

  test('an interruption is passed on', async () => {
    await expect(run('--redis redis://db', () => Promise.reject(new Error('interrupted')))).rejects.toThrow(
      'interrupted',
    )
  })

  test('--help', async () => {
    const { code, out, err } = await run('--users nonsense --help')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('plimsoll plan --users N')
  })

  test.each([
    ['', '--bytes: expected a size from 1 to 512Mi'],
    ['--bytes 2Ki', '--users: expected a whole number from 1 to 1000000000, or --keys'],
    ['--users 1e3 --bytes 2Ki', '--users: expected a whole number from 1 to 1000000000'],
    ['--users 0 --bytes 2Ki', '--users: expected'],
    ['--users 1.5 --bytes 2Ki', '--users: expected'],
    ['--users -5 --bytes 2Ki', '--users: expected'],
    ['--users 5 --sessions 0 --bytes 2Ki', '--sessions: expected a number from 0.01 to 10000'],
    ['--sessions 3 --keys 5 --bytes 2Ki', '--sessions: expected beside --users'],
    ['--users 5 --bytes 2KB', '--bytes: expected a size from 1 to 512Mi'],
    ['--users 5 --bytes 1Gi', '--bytes: expected a size'],
    ['--users 5 --keys 5 --bytes 1Ki', '--keys: does not go with --users'],
    ['--users 5 --bytes 1Ki --key-bytes 2Ki', 'expected one of them'],
    ['--users 5 --bytes 1Ki --purpose secret', '--purpose: expected cache, session or queue'],
    ['--users 5 --bytes 1Ki --headroom 0.5', '--headroom: expected a number from 1 to 10'],
    ['--users 5 --bytes 1Ki --growth 5', '--growth: expected a share from 0.1% to 100%'],
    ['--users 5 --bytes 1Ki --growth 500%', '--growth: expected'],
    ['--redis secret', '--redis: expected a URL'],
    ['redis://:secret@db', 'expected options only'],
    ['--users', '--users: expected a value'],
    ['--user 5 --bytes 1Ki', 'did you mean --users?'],
  ])('refuses %j in one line, exit code 64', async (line, message) => {
    const { code, out, err } = await run(line)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toMatch(/^plimsoll plan: [^\n]*; see plimsoll plan --help\n$/)
    expect(err).toContain(message)
    expect(err).not.toContain('secret')
  })
})
