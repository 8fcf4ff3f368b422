type Close = () => unknown

/** What has to be closed in the end, last opened first. */
export class CleanUp {
  readonly #closers: Close[] = []
  #over = false

  add(close: Close): void {
    // Opened while everything else was being closed.
    if (this.#over) void attempt(close)
    else this.#closers.push(close)
  }

  async run(): Promise<void> {
    this.#over = true
    for (const close of this.#closers.reverse()) await attempt(close)
  }
}

// What fails to close must not keep the rest open.
async function attempt(close: Close): Promise<void> {
  try {
    await close()
  } catch {}
}
