import { promisify } from 'node:util'
import { constants, deflateRaw, deflateRawSync } from 'node:zlib'

const inThread = promisify(deflateRaw)
const options = { level: constants.Z_BEST_SPEED }
// Up to here deflating takes less time (50 µs for 4 KB) than handing the work to a thread does (150 µs).
const small = 32 * 1024
// Each deflation under way in a thread holds about 256 KB beside its input: thousands of them would take the process along.
const mostAtOnce = 4
// A loaded value is deflated behind its answer, where no bulkhead holds its like back: a source that is faster than this
// would fill the heap with what waits.
const mostWaiting = 32 * 1024 * 1024

let running = 0
let waitingBytes = 0
const waiting: (() => void)[] = []

/**
 * Raw DEFLATE at its fastest. Large inputs are worked on beside the event loop, a few at a time; undefined where so much
 * waits already that this one is better left as it is.
 */
export function deflate(raw: Buffer): Buffer | Promise<Buffer | undefined> {
  return raw.length <= small ? deflateRawSync(raw, options) : deflateInThread(raw)
}

async function deflateInThread(raw: Buffer): Promise<Buffer | undefined> {
  if (running >= mostAtOnce) {
    if (waitingBytes + raw.length > mostWaiting) return undefined
    waitingBytes += raw.length
    await new Promise<void>((resolve) => waiting.push(resolve))
    waitingBytes -= raw.length
  } else running += 1
  try {
    return await inThread(raw, options)
  } finally {
    // The place goes to who waits, else back.
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }
}
