import type { Clock } from '../clock.ts'
import type { Budget } from '../redis/budget.ts'
import * as scripts from '../redis/session-scripts.ts'
import type { LivingRecord, SessionData, SessionRecord } from './record.ts'
import type { SessionCommands } from './session-commands.ts'
import { parseData } from './session-data.ts'

/** The revision of what connect-redis wrote, which has none. No session of ours has this one. */
const noRevision = 'connect-redis'

/** Whether it stands where connect-redis left it, and is yet to be taken over. */
export function isOfConnectRedis({ revision }: SessionRecord): boolean {
  return revision === noRevision
}

/**
 * Sessions that connect-redis left: plain JSON under a prefix and the id. They are read where there is no session of
 * ours, and taken over when they are next saved; until then a service that still uses connect-redis can read them too.
 */
export class ConnectRedisSessions {
  readonly #commands: SessionCommands
  readonly #prefix: string
  readonly #clock: Clock

  constructor(commands: SessionCommands, prefix: string, clock: Clock) {
    this.#commands = commands
    this.#prefix = prefix
    this.#clock = clock
  }

  async load(id: string, budget: Budget): Promise<LivingRecord | undefined> {
    const reply = await this.#commands.read(scripts.loadSession, [this.#prefix + id], [], budget)
    const [kind, value, ttl] = reply as [number, Buffer?, number?]
    if (kind !== 1 || value === undefined || ttl === undefined) return undefined
    const data = parseData(value.toString('utf8'))
    if (data === undefined) return undefined
    // When it was created is not known: its cap counts from when it is taken over.
    return {
      json: JSON.stringify(withoutEnd(data)),
      user: undefined,
      createdAt: this.#clock.now(),
      revision: noRevision,
      ttl,
    }
  }

  async touch(id: string, ttl: number, budget: Budget): Promise<boolean> {
    return (await this.#commands.write(scripts.touchSession, [this.#prefix + id], [Math.ceil(ttl)], budget)) === 1
  }

  /** Answers whether it was there. */
  forget(id: string, budget: Budget): Promise<boolean> {
    return this.#commands.unlink(this.#prefix + id, budget)
  }
}

/**
 * As the adapters store it: a session that was only looked at must be the same as before, or each look took it over.
 * `originalExpires` is @fastify/session's.
 */
function withoutEnd(data: SessionData): SessionData {
  const { cookie } = data
  if (typeof cookie !== 'object' || cookie === null || Array.isArray(cookie)) return data
  const { expires, originalExpires: _, ...kept } = cookie as SessionData
  return { ...data, cookie: expires === null ? { ...kept, expires } : kept }
}
