import { defineConfig } from 'vitest/config'

const full = '**/*.full.test.ts'
const never = ['**/node_modules/**', '**/dist/**']
const wholeProduct = {
  // One file at a time: they watch how real processes behave, and would disturb each other.
  fileParallelism: false,
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    projects: [
      {
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], exclude: [...never, full] },
      },
      {
        test: {
          name: 'product',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...never, full],
          ...wholeProduct,
        },
      },
      {
        test: { name: 'full', include: [full], exclude: never, ...wholeProduct, testTimeout: 300_000 },
      },
    ],
  },
})
