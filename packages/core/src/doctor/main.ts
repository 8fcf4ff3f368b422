#!/usr/bin/env node
import { exitCodes } from './exit-codes.ts'
import { run } from './run.ts'

const interruption = new AbortController()
function interrupt(): void {
  // Whoever asks twice does not want to wait for a farewell.
  if (interruption.signal.aborted) process.exit(exitCodes.interrupted)
  interruption.abort(new Error('interrupted'))
}
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
// `plimsoll doctor … | head` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await run(process.argv.slice(2), {
  streams: process,
  keyboard: process.stdin.isTTY ? process.stdin : undefined,
  environment: process.env,
  signal: interruption.signal,
})
