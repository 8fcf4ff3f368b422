import { parseArgs } from 'node:util'
import { type Peer, peers, quickPeers } from './peers/index.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

export interface Wishes {
  readonly scenarios: readonly Scenario[]
  readonly peers: readonly Peer[]
  readonly output: 'text' | 'json' | 'markdown'
  readonly quick: boolean
  readonly tuned: boolean
}

export type Request =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | { readonly kind: 'run'; readonly wishes: Wishes }

export const help = `pnpm bench [scenario…] [options]

Measures Plimsoll side by side with raw ioredis and other caching libraries, each scenario within one run on this
machine. Exits with 1 if Plimsoll misses one of its requirements. All scenarios take about 10 minutes.

  --quick        shorter runs with fewer libraries, about 3 minutes for all
  --only a,b     only these libraries; raw ioredis is measured beside them where a scenario compares with it
  --tuned        fast-failing connections for raw ioredis and the libraries that leave the client to the user too
  --json         one JSON document on standard output (pnpm --silent bench --json keeps it to that)
  --markdown     tables in Markdown
  --list         what the scenarios and the libraries are called
  --help         this text`

/** What the arguments ask for; throws an Error that says what is wrong with them. */
export function parse(args: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: args.filter((argument) => argument !== '--'),
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      tuned: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return { kind: 'help' }
  if (values.list) return { kind: 'list' }
  return {
    kind: 'run',
    wishes: {
      scenarios: chosen('scenario', positionals, scenarios),
      peers: values.only === undefined && values.quick ? quickPeers : chosen('library', names(values.only), peers),
      output: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
      quick: values.quick,
      tuned: values.tuned,
    },
  }
}

function names(list = ''): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
}

/** Those named, in their own order; all of them when none is named. */
function chosen<Item extends { readonly name: string }>(
  kind: string,
  wanted: readonly string[],
  items: readonly Item[],
): readonly Item[] {
  const known = items.map(({ name }) => name)
  const unknown = wanted.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no ${kind} is called ${unknown.join(', ')}; there are: ${known.join(', ')}`)
  return wanted.length === 0 ? items : items.filter(({ name }) => wanted.includes(name))
}
