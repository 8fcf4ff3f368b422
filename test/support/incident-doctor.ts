import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** What `plimsoll doctor --json` prints, as far as the incidents look at it. */
export interface DoctorReport {
  readonly exitCode: number
  readonly findings: readonly {
    readonly id: string
    readonly severity: string
    readonly remedy: { readonly redisCli: readonly string[]; readonly helm?: string }
  }[]
  readonly redHerrings: readonly { readonly id: string; readonly whyNot: string }[]
}

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const main = fileURLToPath(new URL('../../packages/core/src/doctor/main.ts', import.meta.url))

/** Runs the doctor as a process of its own, as `npx plimsoll doctor` does; files are given by their contents. */
export async function askDoctor(
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<DoctorReport> {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-doctor-'))
  try {
    for (const [name, contents] of Object.entries(files)) writeFileSync(join(folder, name), contents)
    const { exitCode, output } = await run(folder, ['--import', tsx, main, 'doctor', ...args, '--json'])
    const { findings, redHerrings } = parse(output)
    return { exitCode, findings, redHerrings }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function parse(output: string): Pick<DoctorReport, 'findings' | 'redHerrings'> {
  try {
    return JSON.parse(output)
  } catch {
    throw new Error(`the doctor printed no JSON:\n${output}`)
  }
}

function run(cwd: string, args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, timeout: 30_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ exitCode, output: stdout === '' ? stderr : stdout })
    })
  })
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'session-cache-0', namespace: 'ecommerce', labels: { app: 'session-cache' } },
  spec: {
    containers: [
      {
        name: 'redis',
        image: 'redis:7.0',
        args: ['redis-server', '--save', '', '--appendonly', 'no'],
        resources: { limits: { cpu: '250m', memory: '64Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
      },
    ],
  },
  status: {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'redis',
        image: 'redis:7.0',
        ready: true,
        restartCount: 7,
        state: { running: { startedAt: '2026-03-02T10:15:02Z' } },
        lastState: {
          terminated: {
            exitCode: 137,
            reason: 'OOMKilled',
            startedAt: '2026-03-02T09:31:40Z',
            finishedAt: '2026-03-02T10:14:50Z',
          },
        },
      },
    ],
  },
}

/** What `kubectl get pod -o json` and `kubectl logs --previous` say of a Redis that keeps being killed. */
export const evidenceOfCluster: Readonly<Record<string, string>> = {
  'pod.json': JSON.stringify(pod),
  'previous.log': [
    '1:M 02 Mar 2026 09:31:40.118 * Ready to accept connections',
    "1:M 02 Mar 2026 10:02:11.904 # Can't save in background: fork: Cannot allocate memory",
    "1:M 02 Mar 2026 10:14:11.377 # Can't save in background: fork: Cannot allocate memory",
    '',
  ].join('\n'),
}
