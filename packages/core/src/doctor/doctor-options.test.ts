import { expect, test } from 'vitest'
import { UsageError } from './command-line.ts'
import { parseDoctorOptions } from './doctor-options.ts'

const url = 'redis://someone:hunter2@127.0.0.1:7000'

function parse(...argv: string[]) {
  return parseDoctorOptions(argv, {})
}

function complaint(...argv: string[]): string {
  try {
    parse(...argv)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  return 'none'
}

test('a URL is enough', () => {
  expect(parse(url)).toMatchObject({
    url,
    purpose: 'cache',
    timeout: 3_000,
    interval: 1_000,
    sample: undefined,
    budget: undefined,
    json: false,
    watch: false,
    cluster: false,
    color: true,
  })
})

test('everything at once, in both spellings', () => {
  const words = '--limit=64Mi --purpose session --sample 100 --show-keys --timeout=500ms --interval 2s --cluster --json'
  const budget = ['--pods', '100', '--connections=50', '--surge', '1.5', '--others', '10']
  expect(parse(...words.split(' '), ...budget, url, '--name', 'shop', '--no-color')).toMatchObject({
    url,
    limit: 64 * 1024 ** 2,
    purpose: 'session',
    sample: 100,
    showKeys: true,
    timeout: 500,
    interval: 2_000,
    cluster: true,
    json: true,
    name: 'shop',
    color: false,
    budget: { pods: 100, connections: 50, surge: 1.5, others: 10 },
  })
})

test('the URL may come from the environment, and so may the wish for no colours', () => {
  expect(parseDoctorOptions([], { REDIS_URL: url, NO_COLOR: '1' })).toMatchObject({ url, color: false })
  expect(parseDoctorOptions([], { REDIS_URL: url, NO_COLOR: '' })).toMatchObject({ color: true })
})

test('help is asked for, whatever else is there', () => {
  expect(parse('--help')).toBeUndefined()
  expect(parse('-h', '--limit', 'much')).toBeUndefined()
})

test.each([
  [[], /URL such as redis:\/\/host:6379/],
  [['http://127.0.0.1'], /^URL: expected a URL such as/],
  [[url, url], /^expected one URL/],
  [[url, '--limit', '3'], /^--limit: expected a size from 1Mi/],
  [[url, '--limit'], /^--limit: expected a value/],
  [[url, '--limit', '--json'], /^--limit: expected a value/],
  [[url, '--purpose', 'lock'], /^--purpose: expected cache, session or queue/],
  [[url, '--sample', '0'], /^--sample: expected a number of keys from 1 to 10000000/],
  [[url, '--sample', '1e9'], /^--sample: /],
  [[url, '--timeout', '49ms'], /^--timeout: expected a duration from 50ms to 60s/],
  [[url, '--interval', '2h'], /^--interval: expected a duration from 100ms to 1h/],
  [[url, '--name', 'a{b}'], /^--name: /],
  [[url, '--pods', '3'], /^--connections: expected beside/],
  [[url, '--surge', '2'], /^--pods: expected beside/],
  [[url, '--pods', '3', '--connections', '1', '--surge', '0.5'], /^--surge: expected a factor from 1 to 10/],
  [[url, '--json=yes'], /^--json: takes no value/],
  [[url, '--json', '--json'], /^--json: was given twice/],
  [[url, '--wat'], /^--wat: unknown option; did you mean --watch\?/],
  [[url, '--frobnicate'], /^--frobnicate: unknown option$/],
  [[url, '--watch', '--sample', '5'], /^--sample: does not go with --watch/],
])('%j: one line that names the option', (argv, expected) => {
  const line = complaint(...argv)
  expect(line).toMatch(expected)
  expect(line).not.toContain('\n')
  expect(line).not.toContain('hunter2')
})

test('a password in a wrong URL, or behind a wrong option, is not repeated', () => {
  expect(complaint('redis//:hunter2@host')).not.toContain('hunter2')
  expect(complaint(url, '--password=hunter2')).toBe('--password: unknown option')
})

test.each(['64Mi', '64MiB', '64 MiB', '67108864'])('a limit as people and reports write it: %s', (limit) => {
  expect(parseDoctorOptions(['redis://h', '--limit', limit], {})?.limit).toBe(64 * 1024 ** 2)
})
