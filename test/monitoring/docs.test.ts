import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { findingIds, redHerringIds, severities } from '../../packages/core/src/findings/finding.ts'
import { metricCatalogue } from '../../packages/core/src/metrics/index.ts'
import { rulesOf } from './shipped.ts'

const page = (name: string) => readFile(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')

/** The cells of the rows whose first one names something in backquotes. */
function rowsOf(text: string): string[][] {
  return text.split('\n').flatMap((line) => {
    if (!/^\| `[^`]+`/.test(line)) return []
    return [
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    ]
  })
}

const named = (cell = '') => /^`([^`]+)`/.exec(cell)?.[1] ?? ''

describe('docs/metrics.md', () => {
  test('has every metric with its type and labels, and no other', async () => {
    const told = rowsOf(await page('metrics')).filter(([name]) => /^`plimsoll_/.test(name ?? ''))
    expect(told.map(([name, type, labels]) => `${named(name)} ${type} ${labels?.replaceAll('`', '')}`).sort()).toEqual(
      metricCatalogue.map(({ name, type, labels }) => `${name} ${type} ${labels.join(', ')}`).sort(),
    )
  })

  test('tells what each result and each reason is', async () => {
    const words = [...(await page('metrics')).matchAll(/`(\w+)`/g)].map(([, word]) => word)
    for (const { values } of metricCatalogue.filter(({ name }) => /requests|skipped/.test(name))) {
      for (const word of [...(values?.['result'] ?? []), ...(values?.['reason'] ?? [])]) expect(words).toContain(word)
    }
  })
})

describe('docs/alerts.md', () => {
  test('has a section for every alert, with its severity, and no other', async () => {
    const rules = [...(await rulesOf('plimsoll.rules.yml')), ...(await rulesOf('redis-exporter.rules.yml'))]
    const sections = (await page('alerts')).split(/^### /m).slice(1)
    const told = sections.map((section) => `${/^\w+/.exec(section)?.[0]} ${/^`(\w+)`/m.exec(section)?.[1]}`)
    expect(told.sort()).toEqual(
      rules.flatMap(({ alert, labels }) => (alert === undefined ? [] : [`${alert} ${labels?.severity}`])).sort(),
    )
  })

  test('every runbook link of a rule leads to its section', async () => {
    const anchors = [...(await page('alerts')).matchAll(/^### (\w+)$/gm)].map(([, name]) => name?.toLowerCase())
    for (const file of ['plimsoll.rules.yml', 'redis-exporter.rules.yml']) {
      for (const { annotations } of await rulesOf(file)) {
        if (annotations !== undefined) expect(anchors).toContain(annotations['runbook']?.split('#')[1])
      }
    }
  })
})

describe('docs/doctor.md', () => {
  test('has every finding with severities that there are, and no other', async () => {
    const sections = /^## Findings\n(.*?)^## /ms.exec(await page('doctor'))?.[1] ?? ''
    const told = rowsOf(sections)
    expect(told.map(([id]) => named(id)).sort()).toEqual([...findingIds].sort())
    for (const [id, severity] of told) {
      for (const one of severity?.split(', ') ?? []) expect(severities, id).toContain(one)
    }
  })

  test('has every red herring, and no other', async () => {
    const told = rowsOf(await page('doctor')).filter(([id]) => id?.startsWith('`rh-'))
    expect(told.map(([id]) => named(id)).sort()).toEqual([...redHerringIds].sort())
  })
})
