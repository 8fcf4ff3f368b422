import { expect, test } from 'vitest'
import { SessionGoneError, SessionsUnavailableError, SessionTooLargeError } from '../errors.ts'
import {
  isGone,
  isSessionTrouble,
  isUnavailable,
  isUnreachable,
  LoginRequiredError,
  retryAfterOf,
  SessionReadOnlyError,
} from './trouble.ts'

const away = new SessionsUnavailableError('unreachable', 2)
const full = new SessionsUnavailableError('refused', 0.2)
const gone = new SessionGoneError()

test('an error is known by its code, whichever copy of the core made it', () => {
  const ofAnotherCopy = Object.assign(new Error('away'), { ...away, code: away.code, statusCode: 503 })
  for (const error of [away, full, ofAnotherCopy, new SessionReadOnlyError()]) expect(isUnavailable(error)).toBe(true)
  for (const error of [gone, new SessionTooLargeError(2, 1), new LoginRequiredError()]) {
    expect(isSessionTrouble(error)).toBe(true)
    expect(isUnavailable(error)).toBe(false)
  }
  expect(isGone(gone)).toBe(true)
  expect(isGone(away)).toBe(false)
})

test('only where Redis did not answer it is unreachable', () => {
  expect(isUnreachable(away)).toBe(true)
  expect(isUnreachable(full)).toBe(false)
  expect(isUnreachable(gone)).toBe(false)
})

test.each([
  ['somebody else’s error', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
  ['an error with a status of its own', Object.assign(new Error('no such page'), { code: 'E404', statusCode: 404 })],
  ['one of ours that says no status', Object.assign(new Error('closed'), { code: 'PLIMSOLL_CACHE_CLOSED' })],
  ['what is no error', { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE', statusCode: 503 }],
  ['nothing', undefined],
])('%s is no trouble of sessions', (_, error) => {
  expect(isSessionTrouble(error)).toBe(false)
})

test('Retry-After is in whole seconds, at least one', () => {
  expect(retryAfterOf(away)).toBe(2)
  expect(retryAfterOf(full)).toBe(1)
  expect(retryAfterOf(new SessionsUnavailableError('loss', 2.1))).toBe(3)
  expect(retryAfterOf(gone)).toBe(5)
})

test('a session is read-only for the reason for which sessions cannot be kept', () => {
  const error = new SessionReadOnlyError(new SessionsUnavailableError('loss', 7))
  expect(error).toMatchObject({ name: 'SessionReadOnlyError', statusCode: 503, retryAfter: 7, reason: 'loss' })
  expect(new SessionReadOnlyError()).toMatchObject({ retryAfter: 5, reason: 'unreachable' })
  expect(new SessionReadOnlyError(new Error('a fault'))).toMatchObject({ retryAfter: 5, reason: 'unreachable' })
})
