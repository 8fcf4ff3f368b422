import type { ConnectionBudget } from '../findings/evidence.ts'

/**
 * The connections that a fleet opens at its worst moment: 100 pods with 50 each are 5,000, and 10,000 while a rollout
 * runs the new pods beside the old ones. Those of sidecars, exporters and people come on top.
 */
export function connectionBudget(fleet: {
  readonly pods: number
  /** Of one pod: processes × connections of each. */
  readonly connections: number
  /** How many times the pods there are during a rollout. */
  readonly surge?: number | undefined
  readonly others?: number | undefined
  /** `maxclients`; undefined where it is not known. */
  readonly max?: number | undefined
}): ConnectionBudget {
  const { pods, connections, surge = 2, others = 0, max } = fleet
  // Rounded up by the pod: there is no half of one.
  const needed = Math.ceil(pods * surge) * connections + others
  return { pods, connectionsPerPod: connections, surge, others, needed, max }
}
