import type { Clock } from '../clock.ts'
import { Account } from '../pressure/account.ts'
import { Ledger } from '../pressure/ledger.ts'

/** The books of a namespace on a Redis that has all the memory in the world. */
export function openAccount(clock: Clock): Account {
  return new Account('product', 'normal', undefined, {
    clock,
    ledger: new Ledger(),
    memory: 'normal',
    evicts: false,
    hears: true,
    wrote: () => {},
  })
}
