import { defineConfig } from 'tsup'

const shared = {
  target: 'node20' as const,
  treeshake: true,
  splitting: true,
  sourcemap: true,
}

export default defineConfig([
  {
    ...shared,
    entry: {
      index: 'src/index.ts',
      metrics: 'src/metrics/index.ts',
      session: 'src/session/index.ts',
      http: 'src/http/index.ts',
    },
    format: ['esm', 'cjs'],
    dts: true,
  },
  // Run, never imported: one format, no types.
  { ...shared, entry: { plimsoll: 'src/doctor/main.ts' }, format: ['esm'] },
])
