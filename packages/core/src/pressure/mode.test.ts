import { expect, test } from 'vitest'
import { judge } from './mode.ts'

test.each([
  ['normal', [], { readable: true, writable: true, refusal: undefined }],
  ['local-only', ['Redis cannot be read'], { readable: false, writable: true, refusal: undefined }],
  ['local-only', ['Redis cannot be read'], { readable: false, writable: false, refusal: 'oom' as const }],
  ['read-only', ['Redis does not answer writes'], { readable: true, writable: false, refusal: undefined }],
  [
    'read-only',
    ['Redis is full and refuses writes (OOM)'],
    { readable: true, writable: true, refusal: 'oom' as const },
  ],
  [
    'read-only',
    ['Redis cannot persist and refuses writes (MISCONF)', 'Redis does not answer writes'],
    { readable: true, writable: false, refusal: 'misconf' as const },
  ],
  [
    'read-only',
    [expect.stringContaining('READONLY')],
    { readable: true, writable: true, refusal: 'readonly' as const },
  ],
  [
    'read-only',
    [expect.stringContaining('NOREPLICAS')],
    { readable: true, writable: true, refusal: 'noreplicas' as const },
  ],
])('judges %s with %j', (mode, reasons, evidence) => {
  expect(judge({ memory: 'normal', memoryReasons: [], ...evidence })).toEqual({ mode, reasons })
})

test('memory decides where nothing is worse', () => {
  const well = { readable: true, writable: true, refusal: undefined }
  const memory = { memory: 'shedding' as const, memoryReasons: ['memory is at 91 % of its limit'] }
  expect(judge({ ...well, ...memory })).toEqual({ mode: 'shedding', reasons: memory.memoryReasons })
  expect(judge({ ...well, ...memory, refusal: 'oom' }).mode).toBe('read-only')
  expect(judge({ ...well, ...memory, readable: false }).mode).toBe('local-only')
})
