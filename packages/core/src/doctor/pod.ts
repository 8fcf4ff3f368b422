import type { PodEvidence } from '../findings/evidence.ts'
import { containersOf, type FoundContainer, likeliestRedis } from './manifest-objects.ts'
import { parseQuantity } from './manifest-quantity.ts'
import { listAt, readDocuments, type Tree, textAt, treeAt } from './manifest-tree.ts'
import { UnreadableInputError } from './unreadable-input.ts'

export interface PodFacts extends PodEvidence {
  /** `Pod session-cache-0, container redis`. */
  readonly source: string
  /** What had to be chosen, a line each. */
  readonly notes: readonly string[]
}

/**
 * Reads what `kubectl get pod … -o json` (or `-o yaml`) tells of the container with Redis: its limits, how often it was
 * restarted and how it ended. Of a List the pod that looks most like Redis, and of several such the one restarted most.
 *
 * @throws UnreadableInputError for what is neither, holds no pod, or exceeds 10 MiB.
 */
export function readPod(text: string): PodFacts {
  const documents = readDocuments(text)
  const found = documents.flatMap((document) => {
    const pods = Array.isArray(document['items']) ? listAt(document, 'items') : [document]
    return pods.flatMap((pod) => containersOf([{ kind: 'Pod', ...pod }]).map((container) => ({ ...container, pod })))
  })
  if (found.length === 0) {
    throw new UnreadableInputError('holds no pod with containers; give the output of kubectl get pod <name> -o json')
  }
  const likeliest = likeliestRedis(found) as typeof found
  const [chosen, ...others] = [...likeliest].sort((one, other) => restartsOf(other) - restartsOf(one))
  if (chosen === undefined) throw new UnreadableInputError('holds no container')
  const status = statusOf(chosen)
  // Since limits can be changed in place the status has those in force.
  const inForce = treeAt(status, 'resources', 'limits')
  const limits = Object.keys(inForce).length > 0 ? inForce : treeAt(chosen.container, 'resources', 'limits')
  const cpu = limits['cpu']
  return {
    memoryLimit: parseQuantity(limits['memory']),
    cpuLimit: typeof cpu === 'string' || typeof cpu === 'number' ? String(cpu) : undefined,
    restarts: countAt(status, 'restartCount'),
    lastState: endingOf(status),
    source: `${chosen.owner}, container ${chosen.name}`,
    notes:
      others.length === 0
        ? []
        : [`pod: ${likeliest.length} containers may be the Redis; the one restarted most was taken`],
  }
}

type Found = FoundContainer & { readonly pod: Tree }

function statusOf({ pod, name }: Found): Tree {
  return listAt(treeAt(pod, 'status'), 'containerStatuses').find((status) => status['name'] === name) ?? {}
}

function restartsOf(found: Found): number {
  return countAt(statusOf(found), 'restartCount') ?? 0
}

/** The last ending, or the present one where it has not been started again. */
function endingOf(status: Tree): PodEvidence['lastState'] {
  const ending = [treeAt(status, 'lastState', 'terminated'), treeAt(status, 'state', 'terminated')].find(
    (terminated) => Object.keys(terminated).length > 0,
  )
  if (ending === undefined) return undefined
  // A word such as OOMKilled; anything longer is none and is not repeated.
  const reason = /^\w{1,64}$/.exec(textAt(ending, 'reason') ?? '')?.[0]
  return { reason, exitCode: countAt(ending, 'exitCode') }
}

function countAt(tree: Tree, name: string): number | undefined {
  const count = tree[name]
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}
