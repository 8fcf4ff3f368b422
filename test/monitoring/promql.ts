// What may stand where a metric's name stands, and is none.
const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'atan2', 'inf', 'nan'])
const strings = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g
const comments = /#.*/g
const selectors = /\{[^}]*\}|\[[^\]]*\]/g
const labelLists = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\bgroup_(?:left|right)\b/gi
const numbers = /(?<![\w:])\d[\w.]*(?:e[+-]?\d+)?/gi

/** The names of the metrics that a PromQL expression reads. */
export function metricNames(expression: string): string[] {
  let bare = expression
  for (const no of [strings, comments, selectors, labelLists, numbers]) bare = bare.replace(no, ' ')
  const names = new Set<string>()
  for (const [, name = '', call] of bare.matchAll(/([a-zA-Z_:][\w:]*)(\s*\()?/g)) {
    // `and (` calls nothing.
    if (!words.has(name.toLowerCase()) && call === undefined) names.add(name)
  }
  return [...names]
}
