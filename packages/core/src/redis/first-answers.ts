/**
 * Resolves with the answers when all have come or failed, or after `milliseconds` with those that have come: one frozen
 * node must not hide the others. While none has it goes on waiting. Rejects where all failed.
 */
export function firstAnswers<T>(asked: readonly Promise<T>[], milliseconds: number): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const answers: T[] = []
    let open = asked.length
    let reason: unknown = new Error('nobody was asked')
    let late = false
    const settle = () => {
      if (open > 0 && !(late && answers.length > 0)) return
      clearTimeout(timer)
      if (answers.length > 0) resolve(answers)
      else reject(reason)
    }
    const timer = setTimeout(() => {
      late = true
      settle()
    }, milliseconds)
    const close = () => {
      open -= 1
      settle()
    }
    for (const one of asked) {
      one.then(
        (answer) => {
          answers.push(answer)
          close()
        },
        (error: unknown) => {
          reason = error
          close()
        },
      )
    }
    settle()
  })
}
