/** What a command prints on; a process has it, a test brings its own. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export interface Streams {
  readonly stdout: Output
  readonly stderr: Output
}

/** A terminal's input, key by key. */
export interface Keyboard {
  setRawMode(raw: boolean): unknown
  on(event: 'data', listener: (bytes: Buffer) => void): unknown
  off(event: 'data', listener: (bytes: Buffer) => void): unknown
  resume(): unknown
  pause(): unknown
}
