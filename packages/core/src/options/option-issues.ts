import type { z } from 'zod'
import type { OptionIssue } from '../errors.ts'

/** zod's findings in our words: the path as one would write it in code, and what is allowed there, never the value. */
export function toOptionIssues(error: z.ZodError): OptionIssue[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key].join('.'), expected: 'there is no such option' }))
    }
    return [{ path: path.join('.') || '(options)', expected: issue.message }]
  })
}
