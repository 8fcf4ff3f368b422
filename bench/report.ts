import { format } from './format.ts'
import { peers } from './peers/index.ts'
import type { Outcome, Row, Scenario } from './scenario.ts'

export interface Finished {
  readonly scenario: Scenario
  readonly outcome: Outcome
}

export interface Style {
  readonly markdown: boolean
  readonly colours: boolean
}

/** The heading, the table and the verdicts of one scenario. */
export function scenarioReport({ scenario, outcome }: Finished, style: Style): string {
  const { columns, rows, requirements } = outcome
  const cells = [
    ['', ...columns.map(({ title }) => title)],
    ...rows.map((row) => [row.candidate, ...columns.map((column) => format[column.format](row.values[column.key]))]),
  ]
  const verdicts = requirements.map(({ text, met }) => `${style.markdown ? '- ' : '  '}${mark(met, style)} ${text}`)
  return [
    style.markdown ? `### ${scenario.name}` : scenario.name,
    scenario.about,
    '',
    rows.length === 0 ? 'None of the chosen libraries takes part.' : table(cells, style),
    ...(verdicts.length > 0 ? ['', ...verdicts] : []),
    '',
  ].join('\n')
}

/** One line a measurement, one column a library. */
export function summaryReport(finished: readonly Finished[], style: Style): string {
  const lines = finished.flatMap(({ outcome }) =>
    (outcome.summary ?? []).map((line) => ({ ...line, rows: outcome.rows })),
  )
  if (lines.length === 0) return ''
  const known = peers.map(({ name }) => name)
  const candidates = known.filter((name) => lines.some(({ rows }) => rows.some(({ candidate }) => candidate === name)))
  const cell = (rows: readonly Row[], candidate: string, write: (values: Row['values']) => string): string => {
    const row = rows.find((each) => each.candidate === candidate)
    return row ? write(row.values) : '–'
  }
  const cells = [
    ['', ...candidates],
    ...lines.map((line) => [line.label, ...candidates.map((candidate) => cell(line.rows, candidate, line.cell))]),
  ]
  return [style.markdown ? '### Summary' : 'Summary', '', table(cells, style), ''].join('\n')
}

function mark(met: boolean, { colours }: Style): string {
  if (!colours) return met ? 'pass' : 'FAIL'
  return met ? '\u001b[32mpass\u001b[39m' : '\u001b[31mFAIL\u001b[39m'
}

function table(cells: readonly (readonly string[])[], { markdown }: Style): string {
  if (markdown) {
    const [head = [], ...body] = cells.map((line) => `| ${line.join(' | ')} |`)
    const rule = `|${(cells[0] ?? []).map(() => '---|').join('')}`
    return [head, rule, ...body].join('\n')
  }
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  return cells
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
