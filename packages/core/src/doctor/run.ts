import { UsageError } from './command-line.ts'
import { CouldNotLook } from './could-not-look.ts'
import { doctorCommand } from './doctor-command.ts'
import { exitCodes } from './exit-codes.ts'
import { help } from './help.ts'
import { measureKeys } from './measure-keys.ts'
import { dashboardCommand, rulesCommand } from './monitoring-command.ts'
import { packageVersion } from './package-root.ts'
import { planCommand } from './plan-command.ts'
import type { Keyboard, Streams } from './streams.ts'

export interface World {
  readonly streams: Streams
  readonly keyboard: Keyboard | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal
}

/** The `plimsoll` command. Resolves with the exit code; what goes wrong is one line on stderr. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const { stderr } = world.streams
  try {
    return await dispatch(argv, world)
  } catch (error) {
    if (world.signal.aborted) return exitCodes.interrupted
    if (error instanceof UsageError) {
      stderr.write(`plimsoll: ${error.message} (see plimsoll --help)\n`)
      return exitCodes.usage
    }
    if (error instanceof CouldNotLook) {
      stderr.write(`plimsoll: ${error.message}\n`)
      return exitCodes.couldNotLook
    }
    throw error
  }
}

async function dispatch([command, ...argv]: readonly string[], world: World): Promise<number> {
  const { streams } = world
  switch (command) {
    case 'doctor':
      return doctorCommand(argv, world)
    case 'plan':
      return planCommand(argv, streams, { measure: (url) => measureKeys(url, world) })
    case 'rules':
      return rulesCommand(argv, streams)
    case 'dashboard':
      return dashboardCommand(argv, streams)
    case '--version':
    case '-v':
      streams.stdout.write(`${packageVersion()}\n`)
      return exitCodes.fine
    case undefined:
      streams.stderr.write(help.plimsoll)
      return exitCodes.usage
    case '--help':
    case '-h':
    case 'help':
      streams.stdout.write(help.plimsoll)
      return exitCodes.fine
    default:
      throw new UsageError('unknown command: expected doctor, plan, rules or dashboard')
  }
}
