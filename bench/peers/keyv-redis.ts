import KeyvRedis, { defaultReconnectStrategy } from '@keyv/redis'
import { Keyv } from 'keyv'

/**
 * The Redis store that cacheable and cache-manager share. It connects by node-redis: no offline queue, as its own
 * `createKeyvNonBlocking` sets it, but with the reconnecting that this would switch off, and its connection timeout.
 * node-redis bounds only the time that a command waits to be written, so no command timeout is set: it would cost an
 * AbortSignal a command and not end one that a frozen server holds.
 */
export function keyvRedis(url: string): Keyv {
  const store = new KeyvRedis(
    {
      url,
      disableOfflineQueue: true,
      socket: { connectTimeout: 500, reconnectStrategy: defaultReconnectStrategy },
    },
    { throwOnConnectError: false, connectionTimeout: 500 },
  )
  const keyv = new Keyv({ store, useKeyPrefix: false })
  store.on('error', () => {})
  keyv.on('error', () => {})
  return keyv
}
