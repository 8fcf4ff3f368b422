import { expect, test } from 'vitest'
import { explainFailure } from './explain-failure.ts'

const at = { url: 'redis://10.0.0.1:7000', timeout: 50 }

test.each([
  ['ERR This instance has cluster support disabled', '10.0.0.1:7000: it is no Redis Cluster; leave --cluster out'],
  ['NOAUTH Authentication required.', '10.0.0.1:7000: Redis asks for a password'],
])('of a cluster: what the last node said (%s)', async (message, expected) => {
  const said = Object.assign(new Error(message), { name: 'ReplyError' })
  const error = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: said })
  expect(await explainFailure(error, at)).toContain(expected)
})
