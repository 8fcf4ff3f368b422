import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const full = '**/*.full.test.ts'
// As the types are checked, and as tsx runs the tests' own processes: against the sources, not what was last built.
const packages = fileURLToPath(new URL('packages', import.meta.url))
const resolve = {
  alias: [
    { find: /^@plimsoll\/core\/([a-z]+)$/, replacement: `${packages}/core/src/$1/index.ts` },
    { find: /^@plimsoll\/([a-z-]+)$/, replacement: `${packages}/$1/src/index.ts` },
  ],
}
const never = ['**/node_modules/**', '**/dist/**']
const wholeProduct = {
  // One file at a time: they watch how real processes behave, and would disturb each other.
  fileParallelism: false,
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
}
// These measure how long answers take, or put a load on the machine.
const measuring = ['test/incidents/**/*.test.ts', 'test/faults/**/*.test.ts', 'examples/shop/**/*.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], exclude: [...never, full] },
      },
      {
        resolve,
        test: {
          name: 'product',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...never, full, ...measuring],
          ...wholeProduct,
          // They mostly wait for processes of their own, and for conditions instead of times.
          fileParallelism: true,
          maxWorkers: 2,
        },
      },
      {
        resolve,
        test: { name: 'incidents', include: measuring, exclude: [...never, full], ...wholeProduct },
      },
      {
        resolve,
        test: { name: 'full', include: [full], exclude: never, ...wholeProduct, testTimeout: 300_000 },
      },
    ],
  },
})
