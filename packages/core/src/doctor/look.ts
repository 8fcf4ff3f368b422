import type { CommandLoad, ServerSettings } from '../findings/evidence.ts'
import { parseInfo, parseMemoryStats } from '../pressure/info.ts'
import type { Vitals } from '../pressure/vitals.ts'
import { classify } from '../redis/trouble.ts'
import type { Questions } from './questions.ts'

export interface Look {
  readonly vitals: Vitals
  /** Undefined where INFO is denied. */
  readonly commands: readonly CommandLoad[] | undefined
}

// INFO takes several sections from Redis 7.0 on; before that it refuses them. Of a client that has not authenticated
// Redis takes ten words and no more, and closes the connection instead of asking for a password.
const sections = [
  ...['server', 'clients', 'memory', 'persistence', 'stats', 'replication', 'errorstats', 'keyspace', 'commandstats'],
]

/** One look at one node; where INFO is denied, at what is left without it. */
export async function look(questions: Questions, at: () => number): Promise<Look> {
  try {
    const text = await info(questions)
    return { vitals: parseInfo(text, at()), commands: parseCommandLoads(text) }
  } catch (error) {
    if (!denied(error)) throw error
  }
  const memoryStats = await questions.ask({ command: 'MEMORY', args: ['STATS'] })
  const keys = await unlessDenied(questions.ask({ command: 'DBSIZE' }))
  return {
    vitals: parseMemoryStats(memoryStats, typeof keys === 'number' ? keys : undefined, at()),
    commands: undefined,
  }
}

async function info(questions: Questions): Promise<string> {
  try {
    return String(await questions.ask({ command: 'INFO', args: sections }))
  } catch (error) {
    if (classify(error) !== 'reply' || denied(error)) throw error
  }
  const plain = String(await questions.ask({ command: 'INFO' }))
  const commandStats = await questions.ask({ command: 'INFO', args: ['commandstats'] })
  return `${plain}\r\n${String(commandStats)}`
}

/** `cmdstat_get:calls=2,usec=7,…`: since the server started, or since CONFIG RESETSTAT. */
export function parseCommandLoads(info: string): CommandLoad[] {
  const lines = info.matchAll(/^cmdstat_([^:\s]+):calls=(\d{1,15}),usec=(\d{1,15})\b/gm)
  return [...lines].map(([, command = '', calls, microseconds]) => ({
    command: command.replace('|', ' '),
    calls: Number(calls),
    microseconds: Number(microseconds),
  }))
}

/** Settings one by one: `CONFIG GET *` would bring the passwords along. */
export async function readSettings(questions: Questions): Promise<ServerSettings> {
  const values = new Map<string, string>()
  let isDenied = false
  for (const name of ['save', 'appendonly', 'maxmemory-clients', 'activedefrag', 'tracking-table-max-keys']) {
    try {
      const reply = await questions.ask({ command: 'CONFIG', args: ['GET', name] })
      const value: unknown = Array.isArray(reply) ? reply[1] : undefined
      if (typeof value === 'string') values.set(name, value)
    } catch (error) {
      if (!denied(error)) throw error
      isDenied = true
      break
    }
  }
  const yes = (name: string) => (values.has(name) ? values.get(name) === 'yes' : undefined)
  const trackingTableMaxKeys = Number(values.get('tracking-table-max-keys') ?? Number.NaN)
  return {
    save: values.get('save'),
    appendOnly: yes('appendonly'),
    maxmemoryClients: values.get('maxmemory-clients'),
    activeDefrag: yes('activedefrag'),
    trackingTableMaxKeys: Number.isSafeInteger(trackingTableMaxKeys) ? trackingTableMaxKeys : undefined,
    denied: isDenied,
  }
}

/** By ACL, or because the provider has taken the command away. */
export function denied(error: unknown): boolean {
  if (classify(error) === 'noperm') return true
  return error instanceof Error && /^ERR (unknown (sub)?command|.*not allowed)/i.test(error.message)
}

/** A Redis that loads, or has lost its primary, refuses its keys and still tells how it is. */
export async function unlessRefused<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return undefined
    throw error
  }
}

export async function unlessDenied(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply
  } catch (error) {
    if (denied(error)) return undefined
    throw error
  }
}
