/** How to call pnpm from here: it may not be on PATH, for `npx -y pnpm` is all that a newcomer needs. */
export function pnpmCommand(args: readonly string[]): readonly [command: string, args: readonly string[]] {
  const caller = process.env['npm_execpath']
  if (!caller || !/pnpm/.test(caller)) return ['npx', ['-y', 'pnpm', ...args]]
  return /\.[cm]?js$/.test(caller) ? [process.execPath, [caller, ...args]] : [caller, args]
}
