import { expect, test } from 'vitest'
import { readOnlyView } from './read-only-view.ts'

function open() {
  const content = { name: 'Ada', basket: [{ product: 'tea' }], cookie: { expires: new Date(0) } }
  const read: PropertyKey[] = []
  const refuse = (): never => {
    throw new Error('read-only')
  }
  return { content, read, view: readOnlyView(content, refuse, (key) => read.push(key)) }
}

test('what is read is as it stands there, a Date included', () => {
  const { content, view } = open()
  expect(view).toEqual(content)
  expect(JSON.stringify(view)).toBe(JSON.stringify(content))
  expect(view.basket.map(({ product }) => product)).toEqual(['tea'])
  expect(view.cookie.expires.valueOf()).toBe(0)
})

test.each<[string, (view: ReturnType<typeof open>['view']) => unknown]>([
  ['a value set', (view) => Object.assign(view, { name: 'Bob' })],
  ['a new key', (view) => Object.assign(view, { user: 'bob' })],
  ['a key deleted', (view) => Reflect.deleteProperty(view, 'name')],
  ['a key defined', (view) => Object.defineProperty(view, 'user', { value: 'bob' })],
  ['another prototype', (view) => Object.setPrototypeOf(view, null)],
  ['frozen', (view) => Object.freeze(view)],
  ['a list that grows', (view) => view.basket.push({ product: 'milk' })],
  ['a value deep inside', (view) => Object.assign(view.basket[0] ?? {}, { product: 'milk' })],
])('%s is refused, and changes nothing', (_, change) => {
  const { content, view } = open()
  const before = structuredClone(content)
  expect(() => change(view)).toThrow('read-only')
  expect(content).toEqual(before)
})

test('it is told which keys of the session were read, and none of what is inside them', () => {
  const { read, view } = open()
  void view.basket[0]?.product
  expect(read).toEqual(['basket'])
})
