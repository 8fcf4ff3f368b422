import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ValueNotPreservedError } from '../errors.ts'
import { cascade } from '../options/policy.ts'
import { createCodec } from './codec.ts'
import { assertPreserved } from './preserved.ts'

describe('assertPreserved', () => {
  test('is content with what comes back as it was', async () => {
    await assertPreserved(createCodec<unknown>(cascade(), undefined), { a: [1, null], b: undefined }, 'product')
    const schema = z.object({ at: z.coerce.date() })
    await assertPreserved(createCodec(cascade(), schema), { at: new Date(0) }, 'product')
  })

  test.each([
    [{ price: { at: new Date(0) } }, 'value.price.at: a Date would come back as a string'],
    [{ amount: 5n }, 'BigInt'],
    [() => {}, 'JSON cannot express a function'],
  ])('refuses %s, naming the namespace and the place', async (value, words) => {
    const checked = assertPreserved(createCodec<unknown>(cascade(), undefined), value, 'product')
    await expect(checked).rejects.toThrow(ValueNotPreservedError)
    await expect(checked).rejects.toThrow(`namespace product: a cached value would differ from the loaded one: `)
    await expect(checked).rejects.toThrow(words)
  })

  test('refuses what the schema would refuse on a hit', async () => {
    const codec = createCodec(cascade(), z.object({ at: z.date() }))
    await expect(assertPreserved(codec, { at: new Date(0) }, 'product')).rejects.toThrow(ValueNotPreservedError)
  })
})
