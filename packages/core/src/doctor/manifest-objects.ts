import { limitsOf, type WrittenFacts } from './manifest-limits.ts'
import {
  isEmpty,
  looksLikeConf,
  settingsOfArguments,
  settingsOfConf,
  type WrittenSettings,
} from './manifest-settings.ts'
import { isTree, listAt, type Tree, textAt, treeAt } from './manifest-tree.ts'

/** A container with where it stands. */
export interface FoundContainer {
  readonly name: string
  readonly image: string
  readonly container: Tree
  readonly podSpec: Tree
  /** `StatefulSet session-cache`. */
  readonly owner: string
}

export function isObject(tree: Tree): boolean {
  return typeof tree['kind'] === 'string' && (tree['apiVersion'] !== undefined || tree['spec'] !== undefined)
}

/** The objects of a `kind: List` too. */
function flatten(objects: readonly Tree[]): readonly Tree[] {
  return objects.flatMap((object) => (Array.isArray(object['items']) ? flatten(listAt(object, 'items')) : [object]))
}

export function containersOf(objects: readonly Tree[]): readonly FoundContainer[] {
  return flatten(objects).flatMap((object) => {
    const podSpec = podSpecOf(object)
    const owner = `${textAt(object, 'kind') ?? 'object'} ${textAt(treeAt(object, 'metadata'), 'name') ?? 'without a name'}`
    return listAt(podSpec, 'containers').map((container) => ({
      name: textAt(container, 'name') ?? '',
      image: textAt(container, 'image') ?? '',
      container,
      podSpec,
      owner,
    }))
  })
}

function podSpecOf(object: Tree): Tree {
  const spec = treeAt(object, 'spec')
  if (object['kind'] === 'Pod') return spec
  const template =
    object['kind'] === 'CronJob' ? treeAt(spec, 'jobTemplate', 'spec', 'template') : treeAt(spec, 'template')
  return treeAt(template, 'spec')
}

const besideRedis = /exporter|sentinel|insight|commander|metrics|backup/i

/** How much a container looks like Redis itself rather than like something beside it or something that uses it. */
function likeness({ name, image }: FoundContainer): number {
  const repository =
    image
      .replace(/[:@].*$/, '')
      .split('/')
      .at(-1) ?? ''
  if (besideRedis.test(name) || besideRedis.test(repository)) return 0
  if (/^(redis|valkey)(-(server|stack|stack-server|cluster))?$/i.test(repository)) return 3
  if (/^(redis|valkey)(-(server|master|primary|node|cluster))?$/i.test(name)) return 2
  return /redis|valkey/i.test(repository) || /redis|valkey/i.test(name) ? 1 : 0
}

/** The likeliest; several where none is likelier than the others. */
export function likeliestRedis(containers: readonly FoundContainer[]): readonly FoundContainer[] {
  const most = Math.max(...containers.map(likeness))
  return containers.filter((container) => likeness(container) === most)
}

export function factsOfObjects(all: readonly Tree[]): WrittenFacts {
  const objects = flatten(all)
  const likeliest = likeliestRedis(containersOf(objects))
  const primaries = likeliest.filter(({ owner }) => !/replica|slave/i.test(owner))
  const [chosen, ...others] = primaries.length > 0 ? primaries : likeliest
  const configMaps = objects.filter((object) => object['kind'] === 'ConfigMap').map(settingsOfConfigMap)
  if (chosen === undefined || (others.length > 0 && disagree([chosen, ...others]))) {
    const notes = chosen === undefined ? [] : [several([chosen, ...others])]
    return {
      limits: undefined,
      ...one(
        configMaps.filter(({ settings }) => !isEmpty(settings)),
        notes,
      ),
    }
  }
  const limits = limitsOf(chosen.container, sourceOf(chosen))
  const written = configMaps.filter(({ settings }) => !isEmpty(settings))
  const mounted = written.filter(({ name }) => mountedNames(chosen.podSpec).has(name))
  const { settings, notes } = one(mounted.length > 0 ? mounted : written, [])
  return {
    limits,
    // Redis reads its command line after its file.
    settings: { ...settings, ...settingsOfContainer(chosen.container) },
    notes: [...notes, ...(limits === undefined ? [`${sourceOf(chosen)}: declares no limits`] : [])],
  }
}

function sourceOf({ owner, name }: FoundContainer): string {
  return `${owner}, container ${name || 'without a name'}`
}

function several(containers: readonly FoundContainer[]): string {
  const named = containers.slice(0, 5).map(sourceOf).join('; ')
  return `limits: several containers may be the Redis (${named}); give a file with one of them`
}

function disagree(containers: readonly FoundContainer[]): boolean {
  const limits = containers.map(({ container }) =>
    JSON.stringify([treeAt(container, 'resources', 'limits'), container['args']]),
  )
  return new Set(limits).size > 1 || containers.every((container) => likeness(container) === 0)
}

function settingsOfContainer(container: Tree): WrittenSettings {
  const list = (name: string) => (Array.isArray(container[name]) ? (container[name] as unknown[]) : [])
  const flags = listAt(container, 'env')
    .filter(({ name }) => name === 'REDIS_EXTRA_FLAGS' || name === 'REDIS_ARGS')
    .map(({ value }) => value ?? '')
  return settingsOfArguments([...flags, ...list('command'), ...list('args')])
}

interface NamedSettings {
  readonly name: string
  readonly settings: WrittenSettings
}

function settingsOfConfigMap(object: Tree): NamedSettings {
  const files = Object.entries(treeAt(object, 'data'))
    .filter(([name, text]) => !/replica|slave|sentinel/i.test(name) && typeof text === 'string')
    // Charts have master.conf include redis.conf: it is read, and counts, after it.
    .sort(([one], [other]) => Number(/master|primary/i.test(one)) - Number(/master|primary/i.test(other)))
    .filter(([name, text]) => looksLikeConf(name, text as string))
    .map(([, text]) => settingsOfConf(text as string))
  return { name: textAt(treeAt(object, 'metadata'), 'name') ?? '', settings: Object.assign({}, ...files) }
}

function one(found: readonly NamedSettings[], notes: readonly string[]): Pick<WrittenFacts, 'settings' | 'notes'> {
  const redis = found.filter(({ name }) => /redis|valkey/i.test(name))
  const left = redis.length > 0 ? redis : found
  const [first] = left
  if (first === undefined) return { settings: {}, notes }
  if (new Set(left.map(({ settings }) => JSON.stringify(settings))).size === 1)
    return { settings: first.settings, notes }
  return {
    settings: {},
    notes: [...notes, 'settings: several ConfigMaps configure a Redis, each differently; give a file with one of them'],
  }
}

function mountedNames(podSpec: Tree): ReadonlySet<string> {
  const volumes = listAt(podSpec, 'volumes').flatMap((volume) => [
    volume,
    ...listAt(treeAt(volume, 'projected'), 'sources'),
  ])
  return new Set(volumes.map(({ configMap }) => (isTree(configMap) ? (textAt(configMap, 'name') ?? '') : '')))
}
