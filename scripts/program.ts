import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { promisify } from 'node:util'

export const run = promisify(execFile)

/** The version that the program tells with `--version`; undefined where it does not run, or is another program. */
export async function versionOf(
  path: string,
  pattern: RegExp,
  environment: NodeJS.ProcessEnv = {},
): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK)
    const { stdout } = await run(path, ['--version'], { timeout: 10_000, env: { ...process.env, ...environment } })
    return pattern.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}
