import { expect, test } from 'vitest'
import {
  formatBytes,
  formatCount,
  formatKubernetesSize,
  formatOf,
  formatRedisSize,
  formatSeconds,
  formatShare,
} from './format.ts'

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [58_720_256, '56 MiB'],
  [58_930_000, '56.2 MiB'],
  [1_048_575, '1 MiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [-2_048, '-2 KiB'],
  [Number.NaN, 'unknown'],
  [Number.POSITIVE_INFINITY, 'unknown'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test.each([
  [10_000, '10,000'],
  [0.25, '0.3'],
  [Number.NaN, 'unknown'],
])('the count %d is %s', (count, text) => expect(formatCount(count)).toBe(text))

test.each([
  [0, '0 %'],
  [0.0004, 'less than 0.1 %'],
  [0.0312, '3.1 %'],
  [0.875, '88 %'],
  [1, '100 %'],
  [6.4, '640 %'],
  [Number.NaN, 'unknown'],
])('the share %d is %s', (share, text) => expect(formatShare(share)).toBe(text))

test.each([
  [0, '0 s'],
  [0.3, '300 ms'],
  [0.9999, '1 s'],
  [45, '45 s'],
  [59.96, '1 min'],
  [720, '12 min'],
  [5_400, '1.5 h'],
  [86_400, '1 day'],
  [259_200, '3 days'],
  [-90, '-1.5 min'],
  [Number.POSITIVE_INFINITY, 'unknown'],
])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

test('counts things', () => {
  expect(formatOf(1, 'key')).toBe('1 key')
  expect(formatOf(2_000, 'key')).toBe('2,000 keys')
})

test('writes sizes as Redis and Kubernetes read them', () => {
  expect(formatRedisSize(200 * 1024 ** 2)).toBe('200mb')
  expect(formatRedisSize(2 * 1024 ** 3)).toBe('2gb')
  expect(formatRedisSize(1_000)).toBe('1000')
  expect(formatKubernetesSize(256 * 1024 ** 2)).toBe('256Mi')
  expect(formatKubernetesSize(1.5 * 1024 ** 3)).toBe('1536Mi')
})
