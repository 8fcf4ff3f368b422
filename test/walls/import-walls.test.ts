import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')

const floors: readonly (readonly string[])[] = [
  ['options', 'entry', 'breaker'],
  ['redis', 'local'],
  ['coherence', 'pressure'],
  ['read', 'write', 'write-behind', 'findings'],
  // Files beside the folders stand on these.
  [],
  [],
  [],
  [],
  [],
  [],
  ['session', 'http'],
  ['metrics', 'doctor'],
]
const folders = floors.flat()
/** Imports within one floor: none but these. */
const sideways: Record<string, string> = { entry: 'options', breaker: 'options' }
const homes: Record<string, string | undefined> = {
  ioredis: 'redis',
  'lru-cache': 'local',
  opossum: 'breaker',
  'prom-client': 'metrics',
  'http-cache-semantics': 'http',
}

/** The files beside the folders, and their floors; the ground has floor -1. */
const besideFolders: Record<string, number> = {
  'clock.ts': -1,
  'errors.ts': -1,
  'histogram.ts': -1,
  'redis-pressure.ts': 3,
  'health.ts': 4,
  'statistics.ts': 4,
  'redis-link.ts': 5,
  'namespace-assembly.ts': 6,
  'namespace.ts': 7,
  'client-view.ts': 8,
  'cache.ts': 9,
  'index.ts': 12,
}

function floorOf(folder: string): number {
  return floors.findIndex((names) => names.includes(folder))
}

interface Case {
  readonly file: string
  readonly imports: string
  readonly legal: boolean
}

const cases: Case[] = []
for (const folder of folders) {
  const file = `${folder}/example.ts`
  for (const other of folders.filter((name) => name !== folder)) {
    cases.push({
      file,
      imports: `../${other}/example.ts`,
      legal: floorOf(other) < floorOf(folder) || sideways[folder] === other,
    })
  }
  for (const [name, home] of Object.entries(homes)) cases.push({ file, imports: name, legal: home === folder })
  cases.push(
    { file, imports: './neighbour.ts', legal: true },
    { file, imports: 'node:util', legal: true },
    { file, imports: '@plimsoll/core', legal: false },
    { file, imports: '../../src/write/example.ts', legal: false },
  )
  for (const [name, floor] of Object.entries(besideFolders)) {
    cases.push({ file, imports: `../${name}`, legal: floor < floorOf(folder) })
  }
}
for (const [file, floor] of Object.entries(besideFolders)) {
  for (const folder of folders) cases.push({ file, imports: `./${folder}/example.ts`, legal: floorOf(folder) < floor })
  for (const [other, otherFloor] of Object.entries(besideFolders).filter(([name]) => name !== file)) {
    cases.push({ file, imports: `./${other}`, legal: otherFloor < floor })
  }
  for (const name of Object.keys(homes)) cases.push({ file, imports: name, legal: false })
}
cases.push(
  { file: 'redis/example.ts', imports: 'ioredis/built/utils/index.js', legal: true },
  { file: 'read/example.ts', imports: 'ioredis/built/utils/index.js', legal: false },
)

// Each import in every form, a line each.
const forms: readonly ((specifier: string) => string)[] = [
  (specifier) => `import { thing } from '${specifier}'`,
  (specifier) => `import type { Thing } from '${specifier}'`,
  (specifier) => `export * from '${specifier}'`,
  (specifier) => `await import('${specifier}')`,
]

interface LintReport {
  readonly diagnostics: readonly {
    readonly category: string
    readonly location: { readonly path: string; readonly start: { readonly line: number } }
  }[]
}

/** Lints a copy of the tree that holds the cases, under the real configuration; answers the lines refused, as `path:line`. */
function refusedLines(sources: ReadonlyMap<string, readonly string[]>): Set<string> {
  const copy = mkdtempSync(join(tmpdir(), 'import-walls-'))
  try {
    for (const name of ['biome.json', 'import-walls.biome.json']) copyFileSync(join(root, name), join(copy, name))
    for (const [file, lines] of sources) {
      const path = join(copy, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, lines.join('\n'))
    }
    const options = ['--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none']
    const run = spawnSync(process.execPath, [biome, 'lint', ...options], {
      cwd: copy,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 ** 2,
    })
    const report = JSON.parse(run.stdout) as LintReport
    const walls = report.diagnostics.filter(({ category }) => category === 'lint/style/noRestrictedImports')
    return new Set(walls.map(({ location }) => `${location.path}:${location.start.line}`))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

const sources = new Map<string, string[]>()
const places = cases.map(({ file, imports }) => {
  const path = `packages/core/src/${file}`
  const lines = sources.get(path) ?? []
  sources.set(path, lines)
  return forms.map((form) => `${path}:${lines.push(form(imports))}`)
})

describe('the import walls', () => {
  const refused = refusedLines(sources)
  test.each([...sources.keys()])('of %s refuse what is above or beside it, and nothing else', (path) => {
    const judged = cases.flatMap((example, index) =>
      (places[index] ?? [])
        .filter((place) => place.startsWith(`${path}:`))
        .map((place) => ({ ...example, legal: !refused.has(place) })),
    )
    const expected = cases
      .filter(({ file }) => path.endsWith(`src/${file}`))
      .flatMap((example) => forms.map(() => example))
    expect(judged).toEqual(expected)
  })

  test('leave the tests beside the code alone', () => {
    const file = 'packages/core/src/read/example.test.ts'
    expect(refusedLines(new Map([[file, ["import { Redis } from 'ioredis'"]]]))).toEqual(new Set())
  })
})
