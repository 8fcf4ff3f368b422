import type { SessionData } from './record.ts'

// As keys of a plain object these reach its prototype; they are no data of anybody.
const reserved: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Undefined for what is no JSON object. The answer is the caller's to change. */
export function parseData(json: string): SessionData | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (!Object.keys(value).some((key) => reserved.has(key))) return value as SessionData
  return Object.fromEntries(Object.entries(value).filter(([key]) => !reserved.has(key)))
}

/** The top-level keys that differ, by their JSON. Empty where only the order does. */
export function changedKeys(before: SessionData, after: SessionData): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].filter((key) => !reserved.has(key) && jsonOf(before, key) !== jsonOf(after, key))
}

/** What somebody else stored meanwhile, with our changes put onto it key by key. */
export function mergeData(base: SessionData, ours: SessionData, theirs: SessionData): SessionData {
  const merged = { ...theirs }
  for (const key of changedKeys(base, ours)) {
    if (jsonOf(ours, key) === undefined) delete merged[key]
    else merged[key] = ours[key]
  }
  return merged
}

function jsonOf(data: SessionData, key: string): string | undefined {
  return Object.hasOwn(data, key) ? JSON.stringify(data[key]) : undefined
}
