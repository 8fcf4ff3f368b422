import type { FastifyInstance, FastifyReply, onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify'

/**
 * Who may see what only the operators should: a hook that throws or replies for everybody else. `'own-port'` says that
 * these routes are on a port which only they can reach.
 */
export type Guard = onRequestHookHandler | onRequestAsyncHookHandler | 'own-port'

/**
 * A route that is answered before hooks that are added later are asked, those of sessions above all. Fastify passes hooks
 * on to scopes that are there already, but behind the hooks that these have of their own; hence the answer is one.
 */
export async function earlyRoute(
  fastify: FastifyInstance,
  path: string,
  guard: Guard,
  answer: (reply: FastifyReply) => unknown,
): Promise<void> {
  await fastify.register((scope, _options, done) => {
    if (guard !== 'own-port') scope.addHook('onRequest', guard as onRequestHookHandler)
    scope.addHook('onRequest', async (_request, reply) => {
      const payload = await answer(reply)
      return reply.header('cache-control', 'no-store').send(payload)
    })
    scope.get(path, async () => undefined)
    done()
  })
}
