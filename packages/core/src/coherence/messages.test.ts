import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generationsHead, heartbeat, invalidation, invalidations, parseMessage, wake } from './messages.ts'

describe('parseMessage', () => {
  test('reads what the others write', () => {
    expect(parseMessage(invalidation('me', 'product', 'a'))).toEqual({
      kind: 'invalidate',
      sender: 'me',
      namespace: 'product',
      key: 'a',
    })
    expect(parseMessage(wake('me', 'product@2', ''))).toEqual({
      kind: 'wake',
      sender: 'me',
      namespace: 'product@2',
      key: '',
    })
    expect(parseMessage(heartbeat('me', 7))).toEqual({ kind: 'heartbeat', sender: 'me', beat: 7 })
  })

  test('reads every key back as it was, however long and strange a key may be', () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 1_024 }), (units) => {
        const key = units.join('')
        expect(parseMessage(invalidation('x'.repeat(12), 'n'.repeat(72), key))).toMatchObject({ key })
      }),
    )
    const worst = '\0'.repeat(1_024)
    expect(parseMessage(invalidation('x'.repeat(12), 'n'.repeat(72), worst))).toMatchObject({ key: worst })
  })

  test.each([
    '',
    'garbage',
    '[',
    '{}',
    'null',
    '5',
    '"i"',
    '[]',
    '[1]',
    '[2,"i","me","product","a"]',
    '["1","i","me","product","a"]',
    '[1,"x","me","product","a"]',
    '[1,"i","","product","a"]',
    '[1,"i","me","","a"]',
    '[1,"i",5,"product","a"]',
    '[1,"i","me",{},"a"]',
    '[1,"i","me","product"]',
    '[1,"i","me","product",5]',
    '[1,"i","me","product",{"toString":"a"}]',
    '[1,"h","me"]',
    '[1,"h","me","7"]',
    `[1,"i","me","${'n'.repeat(129)}","a"]`,
    `[1,"i","${'s'.repeat(129)}","product","a"]`,
    '{"0":1,"1":"i","2":"me","3":"product","4":"a","length":5}',
  ])('takes no notice of %s', (text) => {
    expect(parseMessage(text)).toBeUndefined()
  })

  test('takes no notice of what is too large, unread', () => {
    expect(parseMessage(invalidation('me', 'product', 'x'.repeat(8_192)))).toBeUndefined()
    expect(parseMessage(`[1,"i","me","product","a"${' '.repeat(10_000)}]`)).toBeUndefined()
  })

  test('never throws', () => {
    const almost = fc.json().map((json) => `[1,"i",${json}]`)
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), almost), (text) => void parseMessage(text)))
  })

  test('lets nobody at a prototype', () => {
    parseMessage('[1,"i","me","__proto__","__proto__"]')
    parseMessage('{"__proto__":{"polluted":true}}')
    parseMessage('[1,"h","me",{"__proto__":{"polluted":true}}]')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('the news of many keys', () => {
  test('travel in as few messages as their bound allows, each within it', () => {
    const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 1_024, unit: 'binary' }), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(keys, (given) => {
        const messages = invalidations('s'.repeat(12), 'n'.repeat(70), given)
        const told = messages.flatMap((text) => {
          const message = parseMessage(text)
          if (message?.kind === 'invalidate-many') return message.keys
          return message?.kind === 'invalidate' ? [message.key] : []
        })
        expect(told).toEqual(given)
      }),
    )
    expect(
      invalidations(
        'me',
        'item',
        Array.from({ length: 100 }, (_, index) => `key-${index}`),
      ),
    ).toHaveLength(1)
    expect(invalidations('me', 'item', [])).toEqual([])
  })

  test('of generations are completed by the script', () => {
    const text = `${generationsHead('me', 'item')},"identity","[[1,2]]"]`.replace('"[[1,2]]"', '[[1,2]]')
    const parsed = { kind: 'generations', sender: 'me', namespace: 'item', identity: 'identity', counts: [[1, 2]] }
    expect(parseMessage(text)).toEqual(parsed)
  })

  test.each([
    '[1,"m","me","item","key"]',
    '[1,"m","me","item",[1]]',
    '[1,"g","me","item","",[]]',
    '[1,"g","me","item","identity"]',
    '[1,"g","me","item","identity",[[1]]]',
    '[1,"g","me","item","identity",[[1,-2]]]',
    '[1,"g","me","item","identity",[["1",2]]]',
  ])('that are not well formed are nothing: %s', (text) => {
    expect(parseMessage(text)).toBeUndefined()
  })
})
