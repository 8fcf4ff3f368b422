import type { SampleEvidence } from '../findings/evidence.ts'
import type { Finding } from '../findings/finding.ts'
import { formatBytes, formatCount, formatOf, formatSeconds } from '../findings/format.ts'
import { type Examination, isBlind, type NodeExamination } from './examination.ts'
import { factsOf } from './facts.ts'
import { type Canvas, harmless, modeStyles, paint, severityStyles, wrap } from './terminal.ts'

/** The whole report, for people: what is the case first, what is to be done beside it, what it cost last. */
export function renderReport(examination: Examination, canvas: Canvas): string {
  const { nodes, findings, redHerrings, notLookedAt, notes, ran } = examination
  const several = nodes.length > 1
  const lines = [
    ...verdictLines(examination, canvas),
    '',
    ...nodes.flatMap((node) => nodeLines(node, several, canvas)),
    ...findings.flatMap((finding, index) => [
      '',
      ...findingLines(finding, several, canvas, sameBefore(findings, index)),
    ]),
    ...nodes.flatMap(({ evidence }) => (evidence.sample === undefined ? [] : sampleLines(evidence.sample, canvas))),
    ...section(
      'Looked at and dismissed',
      redHerrings.map(({ looksLike, whyNot }) => `${looksLike}: ${whyNot}`),
      canvas,
    ),
    ...section('Notes', notes, canvas),
    ...section('Not looked at', notLookedAt, canvas),
    ...section(
      'What this look cost',
      ran.map(({ command, times, milliseconds, effect }) => {
        const often = times === 1 ? 'once' : `${times} times`
        return `${command}: ${often}${milliseconds === 0 ? '' : `, ${formatSeconds(milliseconds / 1_000)} in all`}; ${effect}`
      }),
      canvas,
    ),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function verdictLines(examination: Examination, canvas: Canvas): string[] {
  const { address, verdict, findings, purpose } = examination
  const blind = isBlind(examination) ? ', though most could not be seen for INFO is denied' : ''
  const { mode, reasons } = verdict
  const because = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`
  const text = `${address}, used as a ${purpose === 'session' ? 'session store' : purpose}: ${countsOf(findings)}${blind}; Plimsoll would be in mode ${mode}${because}`
  return wrap(text, canvas.width).map((line) =>
    line.replace(`mode ${mode}`, `mode ${paint(mode, canvas, ...modeStyles[mode])}`),
  )
}

/** `1 critical finding and 2 warnings`. */
export function countsOf(findings: readonly Finding[]): string {
  const count = (severity: Finding['severity']) => findings.filter((finding) => finding.severity === severity).length
  const critical = count('critical')
  const warnings = count('warning')
  const parts = [
    ...(critical > 0 ? [formatOf(critical, 'critical finding')] : []),
    ...(warnings > 0 ? [formatOf(warnings, 'warning')] : []),
  ]
  return parts.length === 0 ? 'nothing wrong was found' : parts.join(' and ')
}

function nodeLines({ target, evidence, verdict }: NodeExamination, several: boolean, canvas: Canvas): string[] {
  const heading = several ? [`${paint(target, canvas, 'bold')}, mode ${verdict.mode}`] : []
  return [
    ...heading,
    ...factsOf(evidence).flatMap(({ name, text }) => {
      const [first = '', ...others] = wrap(text, canvas.width - 12, 0)
      return [`  ${paint(name.padEnd(8), canvas, 'dim')}  ${first}`, ...others.map((line) => `            ${line}`)]
    }),
  ]
}

function findingLines(
  { id, severity, target, title, evidence, why, remedy }: Finding,
  several: boolean,
  canvas: Canvas,
  same: Finding | undefined,
): string[] {
  const { width } = canvas
  const label = severity.toUpperCase()
  const where = several ? ` [${target}]` : ''
  const [first = '', ...others] = wrap(harmless(title) + where, width - label.length - 2)
  return [
    `${paint(label, canvas, ...severityStyles[severity])}  ${paint(first, canvas, 'bold')}`,
    ...others.map((line) => `${' '.repeat(label.length + 2)}${paint(line, canvas, 'bold')}`),
    ...evidence.flatMap((one) => wrap(`- ${harmless(one)}`, width, 2, 4)),
    ...wrap(`why: ${why}`, width, 2, 7),
    ...wrap(`do: ${remedy.say}`, width, 2, 6),
    ...(same === undefined
      ? recipeLines(remedy, canvas)
      : [`      the same commands and values as for ${same.id}, above`]),
    `    ${paint(id, canvas, 'dim')}`,
  ]
}

function recipeLines({ redisCli, helm }: Finding['remedy'], canvas: Canvas): string[] {
  return [
    ...redisCli.map((command) => `      ${paint(asCommand(command), canvas, 'green')}`),
    ...(helm === undefined ? [] : ['    values.yaml:', ...block(helm, canvas)]),
  ]
}

/** An earlier finding on the same node that asks for the very same: pages of repetition hide what differs. */
function sameBefore(findings: readonly Finding[], index: number): Finding | undefined {
  const { target, remedy } = findings[index] ?? {}
  if (remedy?.helm === undefined) return undefined
  const recipe = (one: Finding['remedy']) => JSON.stringify([one.redisCli, one.helm])
  return findings.slice(0, index).find((one) => one.target === target && recipe(one.remedy) === recipe(remedy))
}

function asCommand(command: string): string {
  return command.startsWith('redis-cli') ? command : `redis-cli ${command}`
}

/** Never wrapped: it is there to be copied. */
function block(text: string, canvas: Canvas): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `      ${paint(line, canvas, 'green')}`)
}

function sampleLines(sample: SampleEvidence, canvas: Canvas): string[] {
  const prefixes = [...sample.prefixes].sort((one, other) => other.bytes - one.bytes).slice(0, 10)
  const row = (left: string, ...cells: string[]) =>
    `  ${left.padEnd(28)}${cells.map((cell) => cell.padStart(14)).join('')}`
  const ttl = (milliseconds: number | undefined) =>
    milliseconds === undefined ? '-' : formatSeconds(milliseconds / 1_000)
  const head = `Sample of ${formatOf(sample.keys, 'key')}, ${formatBytes(sample.bytes)}, ${formatCount(sample.withoutTtl)} without a TTL`
  return [
    '',
    paint(head, canvas, 'bold'),
    paint(row('prefix', 'keys', 'bytes', 'without TTL', 'mean TTL'), canvas, 'dim'),
    ...prefixes.map((one) =>
      row(
        harmless(one.prefix),
        formatCount(one.keys),
        formatBytes(one.bytes),
        formatCount(one.withoutTtl),
        ttl(one.averageTtlMilliseconds),
      ),
    ),
    ...(sample.largest.length === 0 ? [] : [paint(row('largest', 'type', 'bytes'), canvas, 'dim')]),
    ...sample.largest.slice(0, 10).map(({ key, type, bytes }) => row(harmless(key), type, formatBytes(bytes))),
  ]
}

function section(heading: string, items: readonly string[], canvas: Canvas): string[] {
  if (items.length === 0) return []
  return [
    '',
    paint(heading, canvas, 'bold'),
    ...items.flatMap((item) => wrap(`- ${harmless(item)}`, canvas.width, 2, 4)),
  ]
}
