import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { announceReady, liveWithParent } from './child.ts'

// PostgreSQL in one process: PGlite must not be opened by two, so the workers come by a socket.
const database = new PGlite()
// The server takes one connection unless told otherwise, and then runs their queries one after the other.
const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port: 0, maxConnections: 1_000 })
await server.start()

liveWithParent(async () => {
  await server.stop()
  await database.close()
})
announceReady(`postgres://postgres@${server.getServerConn()}/postgres`)
