import { Redis } from 'ioredis'
import { fromSource, type OpenShop } from './incident-load.ts'

const day = 86_400_000

/** The shop on a plain client, with the defaults of ioredis, as most are. */
export function openPlainShop(redis: string, ttl: number): OpenShop {
  const client = new Redis(redis)
  client.on('error', () => {})
  async function cached(key: string): Promise<string> {
    const value = await client.get(key)
    if (value !== null) return value
    const loaded = await fromSource()
    await client.set(key, loaded, 'PX', ttl)
    return loaded
  }
  return {
    login: (session, text) => client.set(`session:${session}`, text, 'PX', day),
    request: async (session) => (await client.get(`session:${session}`)) !== null,
    page: (key) => cached(`page:${key}`),
    suggestion: (key) => cached(`suggestion:${key}`),
    close: async () => client.disconnect(),
  }
}
