import type { Outcome, SideOutcome, TroubleOutcome } from './outcome.ts'
import type { Paint } from './paint.ts'
import { patience } from './run.ts'
import { type SideName, sideNames, sideTitles } from './side.ts'
import { count, duration, share } from './wording.ts'

interface Column {
  readonly heading: string
  readonly width: number
  readonly text: (outcome: SideOutcome) => string
  readonly bad: (outcome: SideOutcome) => boolean
}

const columns: readonly Column[] = [
  {
    heading: `in ${patience / 1_000} s`,
    width: 8,
    text: ({ answered, sent }) => share(answered, sent),
    bad: ({ answered, sent }) => answered < sent,
  },
  { heading: 'errors', width: 8, text: ({ errors }) => count(errors), bad: ({ errors }) => errors > 0 },
  {
    heading: 'p99',
    width: 9,
    text: ({ p99 }) => duration(p99, patience),
    bad: ({ p99 }) => p99 !== undefined && p99 >= 1_000,
  },
  {
    heading: 'queries/s',
    width: 11,
    text: ({ peakQueriesPerSecond }) => count(peakQueriesPerSecond),
    bad: () => false,
  },
]

const titleWidth = 12
const requestsWidth = 10
const sideWidth = columns.reduce((sum, { width }) => sum + width, 0)

/** The result, as one table and one sentence. */
export function renderOutcome({ troubles, sentence, setting }: Outcome, paint: Paint): string {
  const margin = ' '.repeat(titleWidth + requestsWidth)
  const groups = sideNames.map((side) => paint('bold', sideTitles[side].padStart(sideWidth))).join('  │')
  const headings = columns.map(({ heading, width }) => heading.padStart(width)).join('')
  const rule = '─'.repeat(titleWidth + requestsWidth + sideWidth)
  const lines = [
    `${margin}${groups}`,
    `${'Redis is'.padEnd(titleWidth)}${'requests'.padStart(requestsWidth)}${headings}  │${headings}`,
    paint('dim', `${rule}──┼${'─'.repeat(sideWidth)}`),
    ...troubles.map((trouble) => row(trouble, paint)),
  ]
  const legend =
    `in ${patience / 1_000} s: share of the requests answered in that time · errors: answered with an error · ` +
    'p99: of all requests, unanswered ones included · queries/s: at the database, highest second'
  const circumstances =
    `${count(setting.requestsPerSecond)} requests/s to each side, 1 in 100 a price change · ${setting.workload} · ` +
    `${setting.workersPerSide} workers a side · ${setting.database}`
  return [
    ...lines.map((line) => `  ${line}`),
    '',
    paint('dim', wrap(legend)),
    paint('dim', wrap(circumstances)),
    '',
    `  ${paint('bold', sentence)}`,
  ].join('\n')
}

function row(trouble: TroubleOutcome, paint: Paint): string {
  const cells = (side: SideName): string =>
    columns
      .map(({ width, text, bad }) => {
        const cell = text(trouble[side]).padStart(width)
        return bad(trouble[side]) ? paint('red', cell) : cell
      })
      .join('')
  return `${trouble.title.padEnd(titleWidth)}${count(trouble.plimsoll.sent).padStart(requestsWidth)}${cells('plimsoll')}  │${cells('plain')}`
}

function wrap(text: string): string {
  const lines: string[] = ['']
  for (const part of text.split(' · ')) {
    const line = lines.at(-1) ?? ''
    const longer = line ? `${line} · ${part}` : part
    if (longer.length > 96 && line) lines.push(part)
    else lines[lines.length - 1] = longer
  }
  return lines.map((line) => `  ${line}`).join('\n')
}
