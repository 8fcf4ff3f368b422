import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

// A shell that outlives this process by a moment: its input closes however this process ends (SIGKILL too), and then it
// kills what is still listed. It runs in a session of its own, so that Ctrl-C in the terminal does not end it first.
const script = `
pids=
while read -r change pid; do
  case $change in
    add) pids="$pids $pid " ;;
    remove) pids=$(printf %s "$pids" | sed "s/ $pid //") ;;
  esac
done
for pid in $pids; do
  kill -9 "-$pid"
  kill -9 "$pid"
done
`

let list: Writable | undefined

/** Makes sure that the child, and its group if it leads one, is killed when this process ends, in whatever way it ends. */
export function reapWithThisProcess(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined) return
  list ??= startReaper()
  list.write(`add ${pid}\n`)
  child.once('exit', () => list?.write(`remove ${pid}\n`))
}

function startReaper(): Writable {
  const reaper = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  reaper.unref()
  const input = reaper.stdin as Writable & { unref(): void }
  input.unref()
  input.on('error', () => {})
  return input
}
