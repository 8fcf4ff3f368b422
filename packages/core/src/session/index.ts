export {
  CacheClosedError,
  InvalidArgumentError,
  InvalidOptionsError,
  PlimsollError,
  SessionGoneError,
  SessionsUnavailableError,
  SessionTooLargeError,
  TooManySessionsError,
} from '../errors.ts'
export type { BackedSession, SessionBacking } from './backing.ts'
export { writableAttributes } from './cookie-attributes.ts'
export { createSessions } from './create-sessions.ts'
export type { StoredSession } from './handouts.ts'
export {
  type PostgresBacking,
  type PostgresBackingOptions,
  type PostgresPool,
  postgresBacking,
} from './postgres-backing.ts'
export { sessionTableSql } from './postgres-table.ts'
export { readOnlyView } from './read-only-view.ts'
export type { SessionData } from './record.ts'
export type { SessionsOptions } from './session-options.ts'
export type { SaveOptions, Sessions, UserSession } from './sessions.ts'
export { type SessionsEnvironmentOptions, sessionsFromEnvironment } from './sessions-environment.ts'
export type { SessionCounters, SessionsHealth, SessionsStatistics } from './statistics.ts'
export {
  isGone,
  isSessionTrouble,
  isUnavailable,
  isUnreachable,
  LoginRequiredError,
  retryAfterOf,
  SessionReadOnlyError,
  type SessionTrouble,
} from './trouble.ts'
