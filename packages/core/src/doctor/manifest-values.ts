import { limitsOf, type WrittenFacts, type WrittenLimits } from './manifest-limits.ts'
import {
  isEmpty,
  looksLikeConf,
  settingsOfArguments,
  settingsOfConf,
  settingsOfMap,
  type WrittenSettings,
} from './manifest-settings.ts'
import { type Place, places, type Tree, textAt, treeAt } from './manifest-tree.ts'

interface Candidate extends WrittenLimits {
  readonly path: readonly string[]
  readonly image: string
}

interface Block {
  /** Of the map that holds it. */
  readonly path: readonly string[]
  readonly settings: WrittenSettings
}

const beside =
  /^(replicas?|slaves?|secondary|sentinel|metrics|exporter|volumePermissions|sysctl.*|kubectl|backup|init.*)$/i

/** The limits and settings of the one Redis that a values.yaml describes. */
export function factsOfValues(documents: readonly Tree[]): WrittenFacts {
  const all = documents
    .flatMap((document) => places(document))
    .filter(({ path }) => !path.some((name) => beside.test(name)))
  const blocks = all.flatMap(blocksAt).sort((one, other) => one.path.length - other.path.length)
  const { chosen, notes } = choose(all.flatMap(candidateAt), blocks)
  const related = chosen === undefined ? [] : blocks.filter(({ path }) => areRelated(path, chosen.path))
  const used = related.length > 0 ? related : blocks
  if (used !== related && new Set(used.map(({ path }) => path[0])).size > 1) {
    return {
      limits: chosen,
      settings: {},
      notes: [...notes, 'settings: several parts configure a Redis; give the values of one'],
    }
  }
  // The deeper counts: charts put the master's configuration after the common one.
  return { limits: chosen, settings: Object.assign({}, ...used.map(({ settings }) => settings)), notes }
}

function candidateAt({ path, tree }: Place): Candidate[] {
  const image = textAt(tree, 'image') ?? textAt(treeAt(tree, 'image'), 'repository') ?? ''
  const limits = limitsOf(tree, [...path, 'resources'].join('.')) ?? presetOf(tree, path)
  return limits === undefined ? [] : [{ ...limits, path, image }]
}

// Bitnami's common chart; what is not set otherwise is nano, under which a Redis of any size is killed.
const presets: Readonly<Record<string, number>> = {
  nano: 192,
  micro: 384,
  small: 768,
  medium: 1_536,
  large: 3_072,
  xlarge: 6_144,
  '2xlarge': 12_288,
}

function presetOf(tree: Tree, path: readonly string[]): WrittenLimits | undefined {
  const preset = presets[textAt(tree, 'resourcesPreset') ?? '']
  if (preset === undefined) return undefined
  return { memory: preset * 1024 ** 2, cpu: undefined, source: [...path, 'resourcesPreset'].join('.'), notes: [] }
}

function blocksAt({ path, tree }: Place): Block[] {
  const found = Object.entries(tree).flatMap(([name, value]): WrittenSettings[] => {
    if (beside.test(name)) return []
    if (/^(extraFlags|extraArgs|args|command)$/.test(name))
      return [settingsOfArguments(Array.isArray(value) ? value : [value])]
    return typeof value === 'string' && looksLikeConf(name, value) ? [settingsOfConf(value)] : []
  })
  return [settingsOfMap(tree), ...found]
    .filter((settings) => !isEmpty(settings))
    .map((settings) => ({ path, settings }))
}

function choose(
  candidates: readonly Candidate[],
  blocks: readonly Block[],
): { chosen: Candidate | undefined; notes: string[] } {
  const score = ({ path, image }: Candidate) =>
    (/redis|valkey/i.test([...path, image].join('.')) ? 4 : 0) +
    (/cache|session|queue|store/i.test(path.join('.')) ? 1 : 0) +
    (blocks.some((block) => areRelated(block.path, path)) ? 2 : 0) +
    (/^(master|primary)$/.test(path.at(-1) ?? '') ? 1 : 0)
  const best = Math.max(...candidates.map(score))
  const [chosen, ...others] = candidates.filter((candidate) => score(candidate) === best)
  if (chosen === undefined) return { chosen, notes: ['limits: no resources.limits stand in these values'] }
  if (others.some(({ memory }) => memory !== chosen.memory)) {
    const named = [chosen, ...others].slice(0, 5).map(({ source }) => source)
    return {
      chosen: undefined,
      notes: [`limits: several parts may be the Redis (${named.join('; ')}); give the values of one`],
    }
  }
  // Some other part's limits, beside a Redis that declares none.
  if (best === 0 && blocks.length > 0) {
    return { chosen: undefined, notes: ['limits: the part that configures Redis declares none'] }
  }
  const guessed = best === 0 && chosen.path.length > 0
  return {
    chosen,
    notes: guessed ? [`limits: ${chosen.source} are the only ones here; nothing says that they are Redis'`] : [],
  }
}

/** One holds the other, or both stand in one part of the values. */
function areRelated(block: readonly string[], limits: readonly string[]): boolean {
  // `redis.master…` in the values of an application is a chart inside its own: the outermost limits are the application's.
  if (limits.length === 0) return !block.slice(1).some((name) => /^(master|primary)$/.test(name))
  return block.length === 0 || block[0] === limits[0]
}
