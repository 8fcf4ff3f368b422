import { pipeline, type Readable, Transform } from 'node:stream'

/**
 * Lets a stream pass and keeps a copy of it up to a bound; nothing is held back. `done` hears of the copy when all has
 * passed, of `undefined` as soon as there is more than that, and of 'failed' where the stream or its reader broke off.
 */
export function captureStream(
  source: Readable,
  maxBytes: number,
  done: (body: Buffer | undefined | 'failed') => void,
): Readable {
  let chunks: Buffer[] | undefined = []
  let bytes = 0
  const passing = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      if (chunks) {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes > maxBytes) {
          chunks = undefined
          done(undefined)
        }
      }
      next(null, chunk)
    },
  })
  pipeline(source, passing, (error) => {
    if (chunks) done(error ? 'failed' : Buffer.concat(chunks))
  })
  return passing
}
