import { expect, test } from 'vitest'
import { parseQuantity, parseRedisSize } from './manifest-quantity.ts'

test.each([
  ['64Mi', 67_108_864],
  ['256M', 256_000_000],
  ['1.5Gi', 1_610_612_736],
  ['1e9', 1e9],
  ['1E3', 1_000],
  ['2k', 2_000],
  [134_217_728, 134_217_728],
  ['134217728', 134_217_728],
  ['128m', 1],
  ['.5Gi', 536_870_912],
  ['64MB', undefined],
  ['64mb', undefined],
  ['64K', undefined],
  ['-1Gi', undefined],
  ['1 Gi', undefined],
  ['Gi', undefined],
  ['9E', undefined],
  [null, undefined],
  [Number.NaN, undefined],
])('a quantity of Kubernetes: %j', (written, bytes) => {
  expect(parseQuantity(written)).toBe(bytes)
})

test.each([
  ['200mb', 209_715_200],
  ['200MB', 209_715_200],
  ['100m', 100_000_000],
  ['1gb', 1_073_741_824],
  ['1g', 1e9],
  ['64kb', 65_536],
  ['5b', 5],
  ['0', 0],
  [1024, 1024],
  ['1.5gb', undefined],
  ['64Mi', undefined],
  ['75%', undefined],
  ['-1', undefined],
  ['', undefined],
])('a size of redis.conf: %j', (written, bytes) => {
  expect(parseRedisSize(written)).toBe(bytes)
})
