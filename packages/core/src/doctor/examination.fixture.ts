import type { DoctorOptions } from './doctor-options.ts'
import type { Brought, Examination } from './examination.ts'
import { concluded } from './examine.ts'
import { Patient } from './examine-node.ts'
import { type Asker, Questions } from './questions.ts'

export const options: DoctorOptions = {
  url: 'redis://someone:hunter2@10.0.0.1:7000',
  cluster: false,
  ca: undefined,
  limit: undefined,
  manifest: undefined,
  pod: undefined,
  logs: undefined,
  purpose: 'cache',
  budget: undefined,
  sample: undefined,
  showKeys: false,
  name: undefined,
  json: false,
  watch: false,
  interval: 1_000,
  timeout: 1_000,
  color: false,
}

export const brought: Brought = {
  options,
  pod: undefined,
  log: undefined,
  declaredLimit: undefined,
  notes: [],
  written: { maxmemory: undefined, policy: undefined },
}

/** INFO of a Redis 7.0, with as much as tests look at. */
export function infoOf(fields: Readonly<Record<string, string | number>> = {}): string {
  const all = {
    redis_version: '7.0.15',
    redis_mode: 'standalone',
    run_id: 'a'.repeat(40),
    uptime_in_seconds: 90_000,
    connected_clients: 312,
    maxclients: 10_000,
    used_memory: 88_080_384,
    used_memory_rss: 92_274_688,
    maxmemory: 104_857_600,
    maxmemory_policy: 'noeviction',
    mem_not_counted_for_evict: 0,
    loading: 0,
    evicted_keys: 0,
    role: 'master',
    ...fields,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}:${value}`)
  return [
    ...lines,
    '# Errorstats',
    '# Keyspace',
    'db0:keys=48000,expires=24000,avg_ttl=60000',
    '# Commandstats',
    'cmdstat_get:calls=10,usec=600,usec_per_call=60.00,rejected_calls=0,failed_calls=0',
    'cmdstat_config|get:calls=1,usec=400,usec_per_call=400.00,rejected_calls=0,failed_calls=0',
  ].join('\r\n')
}

export type Answers = Readonly<Record<string, unknown>>

/** Answers each command by its first word and the second, or by the first alone; an Error rejects. */
export function askerOf(answers: Answers): Asker & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    call(command, ...args) {
      asked.push([command, ...args].join(' '))
      const long = `${command} ${args[0] ?? ''}`
      const answer = long in answers ? answers[long] : answers[command]
      if (answer instanceof Error) return Promise.reject(answer)
      return Promise.resolve(answer)
    },
  }
}

export function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' })
}

/** A whole pass over a fake, with a clock that a second goes by on between two looks. */
export async function examineFake(answers: Answers, given: Partial<Brought> = {}): Promise<Examination> {
  const all = { ...brought, ...given }
  let now = Date.UTC(2026, 0, 1)
  const questions = new Questions(askerOf(answers), 1_000, new AbortController().signal)
  const patient = new Patient('main', questions, all, () => (now += 1_000))
  await patient.look()
  await patient.askOnce()
  await patient.look()
  return concluded(all, [patient])
}
