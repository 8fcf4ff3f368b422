import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

export const monitoring = fileURLToPath(new URL('../../packages/core/monitoring', import.meta.url))
// The package's own parser of YAML: the root has none.
const { parse } = createRequire(`${monitoring}/../package.json`)('yaml') as { parse(text: string): unknown }

export interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: { readonly severity: string }
  readonly annotations?: Readonly<Record<string, string>>
}

interface RuleTests {
  readonly tests: readonly {
    readonly promql_expr_test?: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[]
  }[]
}

export async function rulesOf(file: string): Promise<readonly Rule[]> {
  const { groups } = parse(await readFile(`${monitoring}/${file}`, 'utf8')) as { groups: { rules: Rule[] }[] }
  return groups.flatMap(({ rules }) => rules)
}

/** The alerts that promtool has seen firing, by the tests of a file. */
export async function alertsShownFiring(file: string): Promise<ReadonlySet<string>> {
  const { tests } = parse(await readFile(`${monitoring}/${file}`, 'utf8')) as RuleTests
  const samples = tests.flatMap((one) => one.promql_expr_test ?? []).flatMap(({ exp_samples }) => exp_samples)
  return new Set(samples.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1] ?? ''))
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly { readonly expr: string }[]
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
}

export interface Dashboard {
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] }
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] }
}

export async function dashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(`${monitoring}/dashboard.json`, 'utf8')) as Dashboard
}
