import { totalmem } from 'node:os'
import { describe, expect, test } from 'vitest'
import { defaultLocalBytes, memoryLimitOfProcess } from './memory-limit.ts'

const mebibyte = 1024 ** 2
const version2 = '/sys/fs/cgroup/memory.max'
const version1 = '/sys/fs/cgroup/memory/memory.limit_in_bytes'

function filesOf(contents: Readonly<Record<string, string>>) {
  return (path: string): string => {
    const text = contents[path]
    if (text === undefined) throw new Error('ENOENT')
    return text
  }
}

describe('memoryLimitOfProcess', () => {
  test.each([
    ['the limit of cgroup v2', { [version2]: `${64 * mebibyte}\n` }, 64 * mebibyte],
    ['the limit of cgroup v1 where there is no v2', { [version1]: `${32 * mebibyte}\n` }, 32 * mebibyte],
    ['v2 before v1', { [version2]: String(64 * mebibyte), [version1]: String(32 * mebibyte) }, 64 * mebibyte],
    ["the machine's memory without a limit in v2", { [version2]: 'max\n' }, totalmem()],
    ["the machine's memory without a limit in v1", { [version1]: '9223372036854771712\n' }, totalmem()],
    ["the machine's memory outside a group", {}, totalmem()],
    ["the machine's memory for a limit beyond it", { [version2]: String(totalmem() * 2) }, totalmem()],
    ["the machine's memory for an empty file", { [version2]: '' }, totalmem()],
    ["the machine's memory for nonsense", { [version2]: '-5' }, totalmem()],
  ])('answers %s', (_, contents, limit) => {
    expect(memoryLimitOfProcess(filesOf(contents))).toBe(limit)
  })
})

describe('defaultLocalBytes', () => {
  test.each([
    ['an eighth of the memory', 512 * mebibyte, 4_096 * mebibyte, 64 * mebibyte],
    ['an eighth of the heap where that is smaller', 8_192 * mebibyte, 256 * mebibyte, 32 * mebibyte],
    ['at most 256 MiB', 1024 ** 4, 1024 ** 4, 256 * mebibyte],
    ['at least 1 MiB', mebibyte, mebibyte, mebibyte],
    ['whole bytes', 80_000_001, 1024 ** 4, 10_000_000],
  ])('is %s', (_, memory, heap, bytes) => {
    expect(defaultLocalBytes(memory, heap)).toBe(bytes)
  })
})
