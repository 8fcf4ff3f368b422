import { spawn } from 'node:child_process'
import { startFleet } from './fleet.ts'
import { answerRequests } from './fleet-worker.ts'
import { reapWithThisProcess } from './reaper.ts'

/** A worker with children of its own: two workers, and a process that notices nothing of its parent by itself. */
answerRequests(async () => {
  const fleet = await startFleet(new URL('./fleet-worker.fixture.ts', import.meta.url), 2)
  const sleeper = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  reapWithThisProcess(sleeper)
  return [...fleet.processes.map((member) => member.pid), sleeper.pid]
})
