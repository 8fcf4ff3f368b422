export interface RequestMessage {
  readonly id: number
  readonly message: unknown
}

export type ReplyMessage =
  | { readonly id: number; readonly reply: unknown }
  | { readonly id: number; readonly error: string }

/**
 * The worker's side of a fleet: answers each request of the parent by the given function. On stop() `close` is called and
 * the process is then left to end by itself; without a `close` it exits at once.
 */
export function answerRequests<Message, Reply>(
  answer: (message: Message) => Reply | Promise<Reply>,
  close?: () => Promise<void>,
): void {
  const endWithParent = (): never => process.exit(1)
  process.once('disconnect', endWithParent)

  process.on('message', (message: RequestMessage | 'stop') => {
    if (message === 'stop') void stop()
    else void reply(message)
  })

  async function reply({ id, message }: RequestMessage): Promise<void> {
    try {
      send({ id, reply: await answer(message as Message) })
    } catch (error) {
      send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }

  async function stop(): Promise<void> {
    if (!close) process.exit(0)
    await close()
    process.off('disconnect', endWithParent)
    process.disconnect()
  }

  send('ready')
}

function send(message: ReplyMessage | 'ready'): void {
  if (!process.send) throw new Error('this file is a worker of a fleet: start it by startFleet()')
  process.send(message)
}
