// Warms a namespace from an async iterable, with progress, a clean end at Ctrl-C, and exit codes.
import { createCache, InvalidArgumentError, type WarmProgress, WarmStalledError } from '@plimsoll/core'
import { help, type Options, readOptions, UsageError } from './options.ts'
import { ProductTable } from './products.ts'
import { paintFor, screenFor } from './progress.ts'

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) process.stdout.write(help)
  else process.exitCode = await run(options)
} catch (error) {
  if (!(error instanceof UsageError || error instanceof InvalidArgumentError)) throw error
  process.stderr.write(`${error.message}\n\n${help}`)
  process.exitCode = 2
}

async function run({ keys, concurrency, batch, loadTime, wait, json }: Options): Promise<number> {
  const table = new ProductTable(keys, loadTime)
  const cache = createCache({ name: 'shop', redis: process.env.REDIS_URL })
  const products = cache.namespace({ name: 'product', ttl: '1h', loadMany: (ids) => table.products(ids) })

  const stop = new AbortController()
  let signalled: keyof typeof exitCodes | undefined
  for (const signal of Object.keys(exitCodes) as (keyof typeof exitCodes)[]) {
    process.once(signal, () => {
      signalled ??= signal
      stop.abort()
    })
  }

  let progress: WarmProgress | undefined
  const total = await table.count()
  const screen = screenFor(json, total)
  const onProgress = (now: WarmProgress) => {
    progress = now
    screen.show(now)
  }
  let outcome: 'done' | 'failed' | 'stalled' | 'interrupted' = 'done'
  try {
    progress = await products.warm(table.ids(), { concurrency, batch, wait, signal: stop.signal, onProgress })
    if (progress.failed > 0) outcome = 'failed'
  } catch (error) {
    if (signalled !== undefined) outcome = 'interrupted'
    else if (error instanceof WarmStalledError) outcome = 'stalled'
    else throw error
  } finally {
    screen.end()
    await cache.close()
  }

  const { done = 0, loaded = 0, found = 0, failed = 0 } = progress ?? {}
  if (json) process.stdout.write(`${JSON.stringify({ outcome, done, total, loaded, found, failed })}\n`)
  else {
    const title = paintFor(process.stdout)(outcome === 'done' ? 'green' : 'yellow', outcome)
    process.stdout.write(`${title}: ${done} of ${total} products: ${loaded} loaded, ${found} found, ${failed} failed\n`)
  }
  if (outcome === 'interrupted' && signalled !== undefined) return exitCodes[signalled]
  return outcome === 'done' ? 0 : 1
}
