import pg from 'pg'
import type { PostgresServer } from '../../../test/support/postgres-server.ts'

/** Makes another, empty database on the server and answers its URL. */
export async function createDatabase(server: PostgresServer, name: string): Promise<string> {
  const connection = new pg.Client({ connectionString: server.url })
  await connection.connect()
  try {
    await connection.query(`create database ${name}`)
  } finally {
    await connection.end()
  }
  return new URL(name, server.url).href
}
