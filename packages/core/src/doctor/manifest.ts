import { factsOfObjects, isObject } from './manifest-objects.ts'
import { parseRedisSize } from './manifest-quantity.ts'
import { readDocuments } from './manifest-tree.ts'
import { factsOfValues } from './manifest-values.ts'
import { UnreadableInputError } from './unreadable-input.ts'

/** What a manifest or a values.yaml says of Redis; undefined is what it does not say, or says of several at odds. */
export interface ManifestFacts {
  /** Of Redis' container, in bytes. */
  readonly memoryLimit: number | undefined
  /** As written, such as `500m`. */
  readonly cpuLimit: string | undefined
  /** In bytes; 0 is no limit. */
  readonly maxmemory: number | undefined
  readonly maxmemoryPolicy: string | undefined
  /** As redis.conf has it; empty where snapshots are off. */
  readonly save: string | undefined
  readonly appendOnly: boolean | undefined
  /** Where the limits stand: `master.resources`, or `StatefulSet session-cache, container redis`. */
  readonly source: string | undefined
  /** What could not be decided or read, a line each. */
  readonly notes: readonly string[]
}

/**
 * Reads limits and redis.conf settings out of Helm values (the charts of Bitnami and redis-ha, and simple own ones) or
 * plain Kubernetes manifests, several documents in one file included. It asks no cluster.
 *
 * @throws UnreadableInputError for what is no YAML, says nothing of Kubernetes, or exceeds 10 MiB.
 */
export function readManifest(text: string): ManifestFacts {
  const documents = readDocuments(text)
  if (documents.length === 0) throw new UnreadableInputError('holds neither Kubernetes objects nor Helm values')
  const objects = documents.filter(isObject)
  const { limits, settings, notes } = objects.length > 0 ? factsOfObjects(objects) : factsOfValues(documents)
  const maxmemory = settings.maxmemory === undefined ? undefined : parseRedisSize(settings.maxmemory)
  const appendonly = settings.appendonly?.toLowerCase()
  return {
    memoryLimit: limits?.memory,
    cpuLimit: limits?.cpu,
    maxmemory,
    maxmemoryPolicy: settings['maxmemory-policy']?.toLowerCase(),
    save: settings.save,
    appendOnly: appendonly === 'yes' ? true : appendonly === 'no' ? false : undefined,
    source: limits?.source,
    notes: [
      ...notes,
      ...(limits?.notes ?? []),
      ...(settings.maxmemory !== undefined && maxmemory === undefined
        ? ['maxmemory: is no size that Redis takes (whole numbers with b, k, kb, m, mb, g or gb)']
        : []),
    ],
  }
}
