import { Client } from 'pg'
import { expect, test } from 'vitest'
import { findPostgres } from '../../scripts/postgres.ts'
import { cleanup } from './cleanup.ts'
import { startPostgres } from './postgres-server.ts'

const after = cleanup()
const programs = await findPostgres()
const missing = 'reason' in programs ? ` (${programs.reason})` : ''

async function connectTo(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  after(() => client.end())
  return client
}

test.skipIf(missing)(`killed and started again PostgreSQL has what it acknowledged${missing}`, async () => {
  const server = await startPostgres()
  after(() => server.stop())
  const client = await connectTo(server.url)
  await client.query('create table item (id int primary key)')
  await client.query('insert into item values (1)')
  await server.kill()
  await expect(client.query('select 1')).rejects.toThrow()
  await server.start()
  const again = await connectTo(server.url)
  expect((await again.query('select id from item')).rows).toEqual([{ id: 1 }])
})

test.skipIf(missing)(
  `PostgreSQL takes its settings, and stops with clients connected or when dead${missing}`,
  async () => {
    const server = await startPostgres({ max_connections: '7' })
    const client = await connectTo(server.url)
    expect((await client.query('show max_connections')).rows).toEqual([{ max_connections: '7' }])
    await server.stop()
    await server.stop()
    const other = new Client({ connectionString: server.url })
    await expect(other.connect()).rejects.toThrow()
  },
)
