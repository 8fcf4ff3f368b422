import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { answerRequests } from './fleet-worker.ts'
import { makeMemoryLimitedGroup } from './memory-limited-group.ts'

/** A worker with a memory-limited group in which a process runs that notices nothing of its parent by itself. */
answerRequests(async () => {
  const group = await makeMemoryLimitedGroup(24 * 1024 ** 2)
  const join = ['-c', 'echo $$ > "$1" && echo joined && exec sleep 600', 'sh', group.joinFile]
  const sleeper = spawn('sh', join, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  await once(sleeper.stdout, 'data')
  return { folder: dirname(group.joinFile), pid: sleeper.pid }
})
