import { describe, expect, test } from 'vitest'
import { type MetricDefinition, metricCatalogue } from '../../packages/core/src/metrics/catalogue.ts'
import { metricNames } from './promql.ts'
import { dashboard, rulesOf } from './shipped.ts'

/** What Prometheus stores of a metric: of a histogram three series, none of which has the metric's name. */
const stored = new Set(
  metricCatalogue.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)
const unknownIn = (expressions: readonly string[]): string[] =>
  expressions.flatMap(metricNames).filter((name) => !stored.has(name))

const { panels, templating, annotations, schemaVersion } = await dashboard()
const charts = panels.filter(({ type }) => type !== 'row')
const queries = charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

test('names of metrics are told from all else in PromQL', () => {
  const expression = `
    # comment_metric
    quantile by (cache, by_label) (0.5, clamp_max(a_seconds{x="in_string", y=~"b{c}"}, 1e6)) < 3_600
    and on (cache) group_left (extra) (sum(rate(b_total[5m])) by (le) offset 5m unless ignoring(z) group:c:ratio > bool inf)
  `
  expect(metricNames(expression)).toEqual(['a_seconds', 'b_total', 'group:c:ratio'])
})

describe('the dashboard', () => {
  test('reads only metrics that exist', () => {
    expect(queries.length).toBeGreaterThan(40)
    expect(unknownIn(queries)).toEqual([])
    const variables = templating.list.flatMap(
      ({ definition }) => /^label_values\((.+), \w+\)$/.exec(definition ?? '')?.[1] ?? [],
    )
    expect(variables).toHaveLength(3)
    expect(unknownIn(variables)).toEqual([])
    expect(unknownIn(annotations.list.flatMap(({ expr }) => expr ?? []))).toEqual([])
  })

  test('says of each panel what it is, what it means and in which unit', () => {
    expect(schemaVersion).toBeGreaterThanOrEqual(39)
    for (const { title, description, fieldConfig, targets } of charts) {
      expect(title).toBeTruthy()
      expect(description, title).toMatch(/\.$/)
      expect(fieldConfig?.defaults.unit, title).toBeTruthy()
      expect(targets?.length, title).toBeGreaterThan(0)
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  })

  test('lays no panel over another', () => {
    const taken = new Set<string>()
    for (const { gridPos, title } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), title).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
    }
  })
})

test('the rules read only metrics that exist, or that they record', async () => {
  const rules = await rulesOf('plimsoll.rules.yml')
  const recorded = new Set(rules.map(({ record }) => record))
  expect(unknownIn(rules.map(({ expr }) => expr)).filter((name) => !recorded.has(name))).toEqual([])
})

test('dashboard and rules use only labels that the metrics have, and values that these take', async () => {
  const rules = await rulesOf('plimsoll.rules.yml')
  const expressions = [...rules.map(({ expr }) => expr), ...queries]
  expect(expressions.flatMap(wrongLabels)).toEqual([])
  expect(wrongLabels('sum by (nobody) (plimsoll_mode{none="x"}) + plimsoll_requests_total{result=~"hit|hat"}')).toEqual(
    ['plimsoll_mode{none}', 'plimsoll_requests_total{result="hat"}', 'plimsoll_mode by nobody'],
  )
})

/** Labels and values that a metric of the catalogue does not have, in what is selected and in what it is grouped by. */
function wrongLabels(expression: string): string[] {
  const wrong: string[] = []
  for (const [, name = '', matchers = ''] of expression.matchAll(/(\w+)\{([^}]*)\}/g)) {
    for (const [, label = '', text = ''] of matchers.matchAll(/(\w+)\s*[=!]~?\s*"([^"]*)"/g)) {
      const { labels, values } = definition(name)
      if (!labels.includes(label)) wrong.push(`${name}{${label}}`)
      const taken = values?.[label]
      if (taken === undefined || /[$.]/.test(text)) continue
      for (const value of text.split('|')) if (!taken.includes(value)) wrong.push(`${name}{${label}="${value}"}`)
    }
  }
  for (const [, by = '', name = ''] of expression.matchAll(/\bby \(([^)]*)\) \((?:[\d.]+, |\w+ ?\()*(plimsoll_\w+)/g)) {
    for (const label of by.split(', ')) {
      if (label !== 'le' && !definition(name).labels.includes(label)) wrong.push(`${name} by ${label}`)
    }
  }
  return wrong
}

function definition(series: string): Pick<MetricDefinition, 'labels' | 'values'> {
  const name = series.replace(/_(bucket|sum|count)$/, '')
  return metricCatalogue.find((one) => one.name === series || one.name === name) ?? { labels: [] }
}
