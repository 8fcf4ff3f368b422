import { type BinaryLike, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type pg from 'pg'

const derive = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt)

// OWASP's settings of 16 MiB a hash (N 2^14, r 8, p 5). The one of 128 MiB is as strong, but four at once, which is what
// Node's thread pool runs, would take more than the container has.
const cost = { N: 2 ** 14, r: 8, p: 5 }
const hashBytes = 32

/** Salt and hash, so that the same password of two users looks different. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password.normalize('NFKC'), salt, hashBytes, cost)
  return `${salt.toString('base64url')}.${hash.toString('base64url')}`
}

async function matches(password: string, stored: string): Promise<boolean> {
  const [salt = '', hash = ''] = stored.split('.')
  const given = await derive(password.normalize('NFKC'), Buffer.from(salt, 'base64url'), hashBytes, cost)
  const expected = Buffer.from(hash, 'base64url')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

// Compared where there is no such user: how long an answer takes must not tell which names exist.
const nobody = await hashPassword(randomBytes(16).toString('hex'))

/** The user's name as the database has it; undefined where name or password is wrong. */
export async function authenticate(database: pg.Pool, name: string, password: string): Promise<string | undefined> {
  const { rows } = await database.query<{ name: string; password_hash: string }>(
    'select name, password_hash from users where name = $1',
    [name],
  )
  const [user] = rows
  const right = await matches(password, user?.password_hash ?? nobody)
  return right ? user?.name : undefined
}
