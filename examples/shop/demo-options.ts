import { parseArgs } from 'node:util'

export interface DemoOptions {
  readonly quick: boolean
  readonly json: boolean
  readonly page: boolean
  readonly pagePort: number
  readonly rate: number
  readonly workers: number
  readonly trace: string | undefined
  readonly databaseUrl: string | undefined
}

/** A mistake of the person at the keyboard: worth a sentence, not a stack trace. */
export class UsageError extends Error {}

export const help = `Usage: pnpm demo [options]

Two copies of one shop serve the same requests from the same PostgreSQL, each with a Redis of its own: one on Plimsoll, one
on plain cache-aside over ioredis with default options. Then their Redis servers are frozen, killed, flushed and filled up.

  --quick           15 seconds instead of about a minute
  --rate NUMBER     requests a second to each side (default 300)
  --workers NUMBER  worker processes of each side (default 2)
  --trace FILE      replay recorded keys (gzip of big-endian 32-bit integers, one a request) instead of a Zipf workload
  --json            print the result as JSON on standard output, and progress on standard error
  --port NUMBER     port of the page in the browser (default: any free one)
  --no-page         no page in the browser
  --help            this text

Environment:
  DATABASE_URL      a PostgreSQL server to use instead of the embedded one; the demo keeps to a schema of its own,
                    plimsoll_demo, and drops it in the end
`

/** Reads the command line; undefined when help was asked for. */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): DemoOptions | undefined {
  const { values } = parse(args)
  if (values.help) return undefined
  return {
    quick: values.quick ?? false,
    json: values.json ?? false,
    page: !values['no-page'],
    pagePort: wholeNumber('--port', values.port ?? '0', 0, 65_535),
    rate: wholeNumber('--rate', values.rate ?? '300', 1, 5_000),
    workers: wholeNumber('--workers', values.workers ?? '2', 1, 32),
    trace: values.trace,
    databaseUrl: environment['DATABASE_URL'] || undefined,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // Package managers disagree on whether they swallow the separator.
      args: args.filter((arg) => arg !== '--'),
      options: {
        quick: { type: 'boolean' },
        json: { type: 'boolean' },
        'no-page': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        port: { type: 'string' },
        rate: { type: 'string' },
        workers: { type: 'string' },
        trace: { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not "${text}"`)
  }
  return number
}
