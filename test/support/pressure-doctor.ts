import { run } from '../../packages/core/src/doctor/run.ts'

/** What `plimsoll doctor --json` prints, as far as tests look at it. */
export interface Told {
  readonly exitCode: number
  /** Each finding with its severity. */
  readonly severities: Readonly<Record<string, string>>
  /** Each finding with its title and the numbers that show it, a line each. */
  readonly evidence: Readonly<Record<string, string>>
}

interface Document {
  readonly findings: readonly {
    readonly id: string
    readonly severity: string
    readonly title: string
    readonly evidence: readonly string[]
  }[]
}

/** Runs the command in this process, which spares a second for its start. */
export async function doctor(...argv: readonly string[]): Promise<Told> {
  const said = { stdout: '', stderr: '' }
  const exitCode = await run(['doctor', '--json', '--timeout', '20s', ...argv], {
    streams: {
      stdout: { write: (text) => (said.stdout += text) },
      stderr: { write: (text) => (said.stderr += text) },
    },
    keyboard: undefined,
    environment: {},
    signal: new AbortController().signal,
  })
  if (said.stdout === '') throw new Error(`the doctor could not look: ${said.stderr}`)
  const { findings } = JSON.parse(said.stdout) as Document
  return {
    exitCode,
    severities: Object.fromEntries(findings.map(({ id, severity }) => [id, severity])),
    evidence: Object.fromEntries(findings.map(({ id, title, evidence }) => [id, [title, ...evidence].join('\n')])),
  }
}
