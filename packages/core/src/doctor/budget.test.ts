import { expect, test } from 'vitest'
import { connectionBudget } from './budget.ts'

test('100 pods of 50 connections need 5,000, and twice as many in a rollout', () => {
  expect(connectionBudget({ pods: 100, connections: 50, surge: 1 }).needed).toBe(5_000)
  expect(connectionBudget({ pods: 100, connections: 50, others: 12, max: 10_000 })).toEqual({
    ...{ pods: 100, connectionsPerPod: 50, surge: 2, others: 12, needed: 10_012, max: 10_000 },
  })
})

test('a surge of a quarter starts whole pods', () => {
  expect(connectionBudget({ pods: 5, connections: 10, surge: 1.25 })).toMatchObject({ needed: 70, max: undefined })
})
