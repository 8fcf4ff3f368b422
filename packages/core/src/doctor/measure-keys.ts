import { redisOptionSchema } from '../options/redis-options.ts'
import { connect } from './connect.ts'
import { CouldNotLook } from './could-not-look.ts'
import { asCouldNotLook } from './explain-failure.ts'
import type { MeasuredKeys } from './plan-command.ts'
import { progressBar } from './progress.ts'
import { Questions } from './questions.ts'
import type { World } from './run.ts'
import { sampleKeys } from './sample.ts'
import { sampleClientOf } from './sample-client.ts'

const timeout = 3_000
// Enough for a mean within a few percent, and done within a second.
const sampled = 10_000

/** What the keys of a running Redis weigh, from a bounded sample. @throws CouldNotLook */
export async function measureKeys(url: string, { streams, signal }: World): Promise<MeasuredKeys> {
  const issue = redisOptionSchema.safeParse(url).error?.issues[0]
  if (issue !== undefined) throw new CouldNotLook(`--redis: ${issue.message}`)
  const opened = await connect({ url, cluster: false, ca: undefined, timeout, signal })
  const progress = progressBar(streams.stderr)
  try {
    const [node] = opened.nodes
    if (node === undefined) throw new CouldNotLook('no node to look at')
    const questions = new Questions(node.client, timeout, signal)
    const keys = Number(await questions.ask({ command: 'DBSIZE' }))
    const unbounded = sampleClientOf(node.client)
    const found = await sampleKeys(
      {
        scan: (cursor, count) => questions.within(unbounded.scan(cursor, count)),
        inspect: (some) => questions.within(unbounded.inspect(some)),
      },
      { limit: sampled, keysInDatabase: keys, onProgress: progress.show, signal },
    )
    signal.throwIfAborted()
    return { keys, sampled: found.keys, expiring: found.keys - found.withoutTtl, bytes: found.bytes }
  } catch (error) {
    throw signal.aborted ? error : await asCouldNotLook(error, { url, timeout })
  } finally {
    progress.end()
    opened.close()
  }
}
