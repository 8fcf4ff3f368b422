import type { Evidence } from '../findings/evidence.ts'
import { formatBytes, formatCount, formatSeconds, formatShare } from '../findings/format.ts'
import { CouldNotLook } from './could-not-look.ts'
import type { Examination, NodeExamination } from './examination.ts'
import { factsOf } from './facts.ts'
import { type Canvas, harmless, modeStyles, paint, severityStyles, wrap } from './terminal.ts'

/** The live screen, a line each. */
export function watchScreen(
  seen: Examination | CouldNotLook,
  address: string,
  interval: number,
  canvas: Canvas,
): string[] {
  const title = `${paint('plimsoll doctor', canvas, 'bold')}  ${address}`
  const footer = paint(`every ${formatSeconds(interval / 1_000)}; q ends`, canvas, 'dim')
  if (seen instanceof CouldNotLook) {
    return [
      title,
      '',
      ...wrap(seen.message, canvas.width).map((line) => paint(line, canvas, 'bold', 'red')),
      '',
      footer,
    ]
  }
  const { verdict, nodes, findings, at } = seen
  const reasons = verdict.reasons.length === 0 ? '' : `: ${verdict.reasons.join('; ')}`
  const several = nodes.length > 1
  return [
    `${title}  ${paint(timeOf(at), canvas, 'dim')}`,
    '',
    ...wrap(`mode ${verdict.mode}${reasons}`, canvas.width).map((line, index) =>
      index === 0 ? line.replace(verdict.mode, paint(verdict.mode, canvas, ...modeStyles[verdict.mode])) : line,
    ),
    '',
    ...nodes.flatMap((node) => nodeLines(node, several, canvas)),
    '',
    ...(findings.length === 0 ? [paint('nothing wrong was found', canvas, 'green')] : []),
    ...findings.map(({ severity, title: what, target }) => {
      const label = severity.toUpperCase().padEnd(8)
      const text = `${harmless(what)}${several ? ` [${target}]` : ''}`
      return `${paint(label, canvas, ...severityStyles[severity])}  ${cut(text, canvas.width - 10)}`
    }),
    '',
    footer,
  ]
}

/** One look on one line, for logs. */
export function watchLine({ at, verdict, nodes, findings }: Examination, canvas: Canvas): string {
  const worst = nodes.reduce<NodeExamination | undefined>(
    (fullest, node) => ((node.evidence.fill ?? 0) > (fullest?.evidence.fill ?? -1) ? node : fullest),
    undefined,
  )
  const rates = worst === undefined ? [] : [memoryOf(worst.evidence), ...ratesOf(worst.evidence)]
  const ids = findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id)
  const parts = [
    new Date(at).toISOString(),
    paint(verdict.mode, canvas, ...modeStyles[verdict.mode]),
    ...rates,
    ids.length === 0 ? 'no findings' : [...new Set(ids)].join(' '),
  ]
  return `${parts.join('  ')}\n`
}

function nodeLines({ target, evidence }: NodeExamination, several: boolean, canvas: Canvas): string[] {
  const facts = factsOf(evidence).filter(({ name }) => name !== 'commands')
  const rates = ratesOf(evidence)
  return [
    ...(several ? [paint(target, canvas, 'bold')] : []),
    ...[...facts, ...(rates.length === 0 ? [] : [{ name: 'rates', text: rates.join(', ') }])].map(
      ({ name, text }) => `  ${paint(name.padEnd(8), canvas, 'dim')}  ${cut(text, canvas.width - 12)}`,
    ),
  ]
}

function memoryOf({ vitals: { memory }, line, fill }: Evidence): string {
  const used = memory.used === undefined ? 'used unknown' : formatBytes(memory.used)
  return line === undefined || fill === undefined
    ? `${used} of no limit`
    : `${used} of ${formatBytes(line.bytes)} (${formatShare(fill)})`
}

function ratesOf({ trend, forecast }: Evidence): string[] {
  if (trend === undefined) return []
  const { usedPerSecond, evictedPerSecond, oomErrors, connectionsReceivedPerSecond } = trend
  const toFull = forecast?.secondsToFull
  return [
    `${usedPerSecond < 0 ? '-' : '+'}${formatBytes(Math.abs(usedPerSecond))}/s`,
    ...(toFull !== undefined && Number.isFinite(toFull) ? [`full in ${formatSeconds(toFull)}`] : []),
    `${formatCount(evictedPerSecond)} evicted/s`,
    ...(oomErrors > 0 ? [`${formatCount(oomErrors)} writes refused`] : []),
    ...(connectionsReceivedPerSecond >= 1 ? [`${formatCount(connectionsReceivedPerSecond)} new clients/s`] : []),
  ]
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

function timeOf(at: number): string {
  return new Date(at).toTimeString().slice(0, 8)
}
