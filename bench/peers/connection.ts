import { Redis } from 'ioredis'

/** Gives up soon, queues nothing while it is away: what a careful user of ioredis sets by hand. */
export const fastFailing = {
  commandTimeout: 200,
  connectTimeout: 500,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
}

/**
 * The client for the libraries that leave its making to the user. Their documentation shows `new Redis(url)`, so this is
 * the default; `--tuned` gives them the fast-failing settings, to tell what the library adds from what the client does.
 */
export function documentedClient(url: string, tuned = false): Redis {
  return withoutNoise(new Redis(url, tuned ? fastFailing : {}))
}

/** ioredis prints errors that nobody listens to, and an outage makes thousands. */
export function withoutNoise(redis: Redis): Redis {
  redis.on('error', () => {})
  return redis
}
