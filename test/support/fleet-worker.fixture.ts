import { answerRequests } from './fleet-worker.ts'

/** A worker that does what fleet.test.ts needs to see a parent bear. */
type Order = 'pid' | 'fail' | 'exit' | 'hang' | 'exit soon' | 'arguments'

let timer: NodeJS.Timeout | undefined

answerRequests(
  (order: Order): unknown => {
    switch (order) {
      case 'pid':
        return process.pid
      case 'arguments':
        return process.argv.slice(2)
      case 'fail':
        throw new Error('this worker was asked to fail')
      case 'exit':
        console.error('last words')
        return process.exit(3)
      case 'exit soon':
        setImmediate(() => process.exit(4))
        return undefined
      case 'hang':
        timer = setInterval(() => {}, 1_000)
        return new Promise(() => {})
    }
  },
  async () => clearInterval(timer),
)
