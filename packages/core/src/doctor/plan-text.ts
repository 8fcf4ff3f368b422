import { helmOf, type Plan, redisCliOf } from './plan.ts'

/** The plan for people. */
export function planText(plan: Plan): string {
  const sections = [
    table(rowsOf(plan)),
    ...(plan.growth === null
      ? []
      : [`Growth of ${percent(plan.growth.perMonth)} a month\n\n${table(growthRows(plan.growth))}`]),
    `Set a running Redis so (until its next start; a maxmemory below what it uses evicts or refuses at once)\n\n${redisCliOf(
      plan,
    )
      .map((line) => `  redis-cli ${line}`)
      .join('\n')}`,
    `Helm values (Bitnami's chart of Redis)\n\n${indent(helmOf(plan).trimEnd())}`,
  ]
  return `${sections.join('\n\n')}\n`
}

const policies = {
  'allkeys-lru': {
    cache: 'the longest unused entries make room',
    session: 'when full, the longest idle sessions end; no login is refused',
    queue: '',
  },
  noeviction: { cache: '', session: '', queue: 'no job is dropped: a full Redis refuses new ones' },
} as const

function rowsOf(plan: Plan): readonly (readonly string[])[] {
  const { ruleOfThumb, overhead, headroom } = plan
  const persistent = plan.persistence === 'none' ? '' : ', and copy-on-write while the log is rewritten'
  return [
    ['keys', count(plan.keys)],
    ['memory per key', `${count(plan.bytesPerKey)} B`, overhead === null ? 'as measured' : `value × ${overhead}`],
    ...(ruleOfThumb === null ? [] : [['rule of thumb', size(ruleOfThumb), 'keys × value × 1.2, for comparison']]),
    ['data', size(plan.data), 'keys × memory per key'],
    ['maxmemory', plan.maxmemoryText, `data × ${headroom}, rounded up`],
    ['maxmemory-policy', plan.policy, policies[plan.policy][plan.purpose]],
    ['container limit', plan.containerLimitText, `at least maxmemory × 1.25${persistent}`],
  ]
}

function growthRows({ months, raiseBy, fullBy }: NonNullable<Plan['growth']>): readonly (readonly string[])[] {
  const rows = months.map(({ month, keys, data, fill }) => {
    const remark = month === fullBy ? 'full' : month === raiseBy ? 'over 80 %: raise maxmemory and the limit' : ''
    return [`month ${month}`, `${count(keys)} keys`, size(data), percent(fill), remark]
  })
  return fullBy === null ? [...rows, ['', 'not full within five years']] : rows
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Decimal, as the rule of thumb has it: three digits. */
function size(bytes: number): string {
  const [unit, factor] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : ['kB', 1e3]
  return `${Number((bytes / Number(factor)).toPrecision(3))} ${unit}`
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`
}
