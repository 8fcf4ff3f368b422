import { readFile, stat } from 'node:fs/promises'
import type { PodEvidence } from '../findings/evidence.ts'
import { UsageError } from './command-line.ts'
import type { DoctorOptions } from './doctor-options.ts'
import type { Brought } from './examination.ts'
import { readLog } from './log.ts'
import { readManifest } from './manifest.ts'
import { readPod } from './pod.ts'
import { largestInput, UnreadableInputError } from './unreadable-input.ts'

/**
 * Reads the files that were named. A limit given by hand counts before the pod's, the pod's before the manifest's: the
 * pod tells what is in force.
 *
 * @throws UsageError naming the option whose file cannot be read
 */
export async function bring(options: DoctorOptions): Promise<Brought> {
  const manifest = await readNamed('--manifest', options.manifest, readManifest)
  const pod = await readNamed('--pod', options.pod, readPod)
  const log = await readNamed('--logs', options.logs, readLog)
  const written: PodEvidence | undefined =
    manifest === undefined
      ? undefined
      : { memoryLimit: manifest.memoryLimit, cpuLimit: manifest.cpuLimit, restarts: undefined, lastState: undefined }
  return {
    options,
    declaredLimit: options.limit ?? pod?.memoryLimit ?? manifest?.memoryLimit,
    pod: pod ?? written,
    log,
    notes: [...(manifest?.notes ?? []), ...(pod?.notes ?? [])],
    written: { maxmemory: manifest?.maxmemory, policy: manifest?.maxmemoryPolicy },
  }
}

async function readNamed<T>(
  option: string,
  path: string | undefined,
  parse: (text: string) => T,
): Promise<T | undefined> {
  if (path === undefined) return undefined
  let text: string
  try {
    text = await readBounded(option, path)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(
      `${option}: cannot read that file (${(error as NodeJS.ErrnoException).code ?? 'no reason given'})`,
    )
  }
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof UnreadableInputError) throw new UsageError(`${option}: ${error.message}`)
    throw error
  }
}

/** A log may be longer than what is read of it; memory is not its size. */
async function readBounded(option: string, path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > 8 * largestInput) throw new UsageError(`${option}: is larger than 80 MiB; give its end (tail -n 100000)`)
  return readFile(path, 'utf8')
}
