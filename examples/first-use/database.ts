import { setTimeout as sleep } from 'node:timers/promises'

interface Row {
  id: string
  name: string
  cents: number
}

const rows = new Map<string, Row>([['p-1', { id: 'p-1', name: 'Rope', cents: 1_200 }]])

/** Stands for yours. */
export const database = {
  queries: 0,
  async find(id: string): Promise<Row | undefined> {
    this.queries += 1
    await sleep(5)
    return rows.get(id)
  },
  async save(id: string, row: Row): Promise<void> {
    await sleep(5)
    rows.set(id, row)
  },
}
