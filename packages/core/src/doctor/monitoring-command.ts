import { parseCommandLine, UsageError } from './command-line.ts'
import { exitCodes } from './exit-codes.ts'
import { help } from './help.ts'
import { monitoringFile } from './package-root.ts'
import type { Streams } from './streams.ts'

/** `plimsoll rules`: alert rules for Prometheus, or the tests that prove them. */
export function rulesCommand(argv: readonly string[], { stdout }: Streams): number {
  const { flags, rest } = parseCommandLine(argv, { texts: [], flags: ['--sdk', '--exporter', '--tests', '--help'] })
  if (flags.has('--help')) {
    stdout.write(help.rules)
    return exitCodes.fine
  }
  if (rest.length > 0) throw new UsageError('rules: takes no argument but --sdk, --exporter and --tests')
  if (flags.has('--sdk') && flags.has('--exporter')) {
    throw new UsageError('--exporter: expected one of --sdk and --exporter; each is a file of its own')
  }
  const group = flags.has('--exporter') ? 'redis-exporter' : 'plimsoll'
  stdout.write(monitoringFile(`${group}.${flags.has('--tests') ? 'test' : 'rules'}.yml`))
  return exitCodes.fine
}

/** `plimsoll dashboard`: the dashboard, ready to be imported into Grafana. */
export function dashboardCommand(argv: readonly string[], { stdout }: Streams): number {
  const { flags, rest } = parseCommandLine(argv, { texts: [], flags: ['--help'] })
  if (rest.length > 0) throw new UsageError('dashboard: takes no argument')
  stdout.write(flags.has('--help') ? help.dashboard : monitoringFile('dashboard.json'))
  return exitCodes.fine
}
