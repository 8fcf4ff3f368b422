import { setTimeout as pause } from 'node:timers/promises'
import { diagnose } from '../findings/diagnose.ts'
import { formatOf } from '../findings/format.ts'
import { redHerrings } from '../findings/red-herrings.ts'
import { rank } from '../findings/severity.ts'
import { worstOf } from '../health.ts'
import type { Opened, OpenedNode } from './connect.ts'
import type { DoctorOptions } from './doctor-options.ts'
import type { Brought, Examination, NodeExamination } from './examination.ts'
import { Patient } from './examine-node.ts'
import { addressOf } from './explain-failure.ts'
import { unlessRefused } from './look.ts'
import { Questions, type Ran } from './questions.ts'
import { type KeySample, type SampleProgress, sampleKeys } from './sample.ts'
import { sampleClientOf } from './sample-client.ts'

// Apart enough for rates to mean something, and short enough to be waited for.
const betweenLooks = 1_000

export type Progress = (progress: SampleProgress) => void

export function patientsOf(opened: Opened, brought: Brought, signal: AbortSignal): Patient[] {
  const { timeout } = brought.options
  return opened.nodes.map(
    ({ target, client }) => new Patient(target, new Questions(client, timeout, signal), brought, Date.now),
  )
}

/** One bounded, read-only pass: two looks a second apart, what is asked once, and the sample where it was asked for. */
export async function examine(
  opened: Opened,
  brought: Brought,
  signal: AbortSignal,
  onProgress: Progress,
): Promise<Examination> {
  const patients = patientsOf(opened, brought, signal)
  await Promise.all(patients.map((patient) => patient.look()))
  const firstLook = pause(betweenLooks, undefined, { signal })
  await Promise.all([firstLook, ...patients.map((patient) => patient.askOnce())])
  await Promise.all(patients.map((patient) => patient.look()))
  if (brought.options.sample !== undefined) {
    for (const [index, { client }] of opened.nodes.entries()) {
      const patient = patients[index]
      if (patient !== undefined) await sample(patient, client, brought.options, opened.nodes.length, signal, onProgress)
    }
  }
  return concluded(brought, patients)
}

async function sample(
  patient: Patient,
  client: OpenedNode['client'],
  { sample: count = 1, showKeys }: DoctorOptions,
  nodes: number,
  signal: AbortSignal,
  onProgress: Progress,
): Promise<void> {
  const { questions } = patient
  const unbounded = sampleClientOf(client)
  const looked = sampleKeys(
    {
      scan: (cursor, keys) => questions.within(unbounded.scan(cursor, keys)),
      inspect: (keys) => questions.within(unbounded.inspect(keys)),
    },
    { limit: Math.ceil(count / nodes), showKeys, keysInDatabase: patient.keys, onProgress, signal },
  )
  // It ends early and without an error, and is not what was asked for.
  const found = await unlessRefused(looked)
  signal.throwIfAborted()
  if (found === undefined) {
    questions.note({ command: 'SCAN', times: 1, milliseconds: 0, effect: 'refused by Redis: no key was looked at' })
    return
  }
  patient.takeSample(found)
  const hits =
    found.hitsAdded === 0 ? 'no hits counted' : `${formatOf(found.hitsAdded, 'keyspace hit')} counted (PTTL, TYPE)`
  questions.note({
    command: `SCAN, MEMORY USAGE, PTTL and TYPE of ${formatOf(found.keys, 'key')}`,
    times: 1,
    milliseconds: found.milliseconds,
    effect: `${hits}; no value read, no idle time changed${endings[found.endedBy]}`,
  })
}

const endings: Record<KeySample['endedBy'], string> = {
  end: '',
  limit: '',
  signal: '',
  budget: '; ended after 30 s',
  error: '; ended by an error of Redis, what was seen until then is told',
}

/** What follows from the looks so far. */
export function concluded(brought: Brought, patients: readonly Patient[]): Examination {
  const nodes = patients.map((patient) => patient.examine())
  const herrings = new Map(nodes.flatMap(({ evidence }) => redHerrings(evidence)).map((one) => [one.id, one]))
  const findings = nodes.flatMap(({ evidence }) => diagnose(evidence))
  return {
    address: addressOf(brought.options.url).shown,
    at: Math.max(...nodes.map(({ evidence }) => evidence.vitals.at)),
    purpose: brought.options.purpose,
    verdict: worstOf(nodes.map(({ verdict }) => verdict)),
    nodes,
    findings: rank(findings),
    redHerrings: [...herrings.values()],
    notLookedAt: notLookedAt(brought, nodes),
    notes: [...brought.notes, ...disagreements(brought, nodes)],
    ran: merged([...handshakes(nodes.length), ...patients.flatMap(({ questions }) => questions.ran)]),
  }
}

function notLookedAt({ options, declaredLimit, pod, log }: Brought, nodes: readonly NodeExamination[]): string[] {
  const denied = (origin: string) => nodes.some(({ evidence }) => evidence.vitals.origin === origin)
  const missing: [boolean, string][] = [
    [
      denied('memory-stats'),
      'INFO: denied; maxmemory, policy, clients and rates are unknown (ACL SETUSER <user> +info)',
    ],
    [
      nodes.some(({ evidence }) => evidence.settings?.denied === true),
      'CONFIG GET: denied; whether snapshots are on is told by INFO alone (ACL SETUSER <user> +config|get)',
    ],
    [declaredLimit === undefined, "the container's memory limit: Redis cannot know it (--limit, --manifest or --pod)"],
    [pod === undefined, 'how the container ended last (--pod)'],
    [log === undefined, 'the log (--logs)'],
    [options.name === undefined, 'a limit that the fleet has learned (--name)'],
    [options.sample === undefined, 'single keys: prefixes, sizes, TTLs (--sample 10000)'],
  ]
  return missing.filter(([is]) => is).map(([, line]) => line)
}

/** A manifest that says otherwise than the server was not rolled out, or is another's. */
function disagreements({ written }: Brought, nodes: readonly NodeExamination[]): string[] {
  const lines = nodes.flatMap(({ evidence: { vitals } }) => {
    const { max, policy } = vitals.memory
    const differs = (one: unknown, other: unknown) => one !== undefined && other !== undefined && one !== other
    return [
      ...(differs(written.maxmemory, max)
        ? ['manifest: its maxmemory is not the one in force; was it rolled out?']
        : []),
      ...(differs(written.policy, policy)
        ? ['manifest: its maxmemory-policy is not the one in force; was it rolled out?']
        : []),
    ]
  })
  return [...new Set(lines)]
}

/** What a connection says when it comes up; ioredis does it unasked. */
function handshakes(connections: number): Ran[] {
  const command = 'one connection (AUTH and SELECT where the URL has them, CLIENT SETNAME)'
  return [{ command, times: connections, milliseconds: 0, effect: 'closed afterwards' }]
}

function merged(all: readonly Ran[]): Ran[] {
  const byCommand = new Map<string, Ran>()
  for (const ran of all) {
    const before = byCommand.get(ran.command)
    byCommand.set(ran.command, {
      ...ran,
      times: ran.times + (before?.times ?? 0),
      milliseconds: ran.milliseconds + (before?.milliseconds ?? 0),
    })
  }
  return [...byCommand.values()]
}
