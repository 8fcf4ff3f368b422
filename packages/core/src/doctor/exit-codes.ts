/** What the `plimsoll` command ends with; written down in its help, so scripts rely on it. */
export const exitCodes = {
  fine: 0,
  warning: 1,
  critical: 2,
  couldNotLook: 3,
  /** As sysexits.h has it, away from those that say how Redis fares. */
  usage: 64,
  /** 128 and the number of SIGINT. */
  interrupted: 130,
} as const
