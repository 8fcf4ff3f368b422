/** pino's shape; `console` does not fit, a pino or a winston-like adapter does. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** A logger that throws must not end a read half-way. */
export function guard(logger: Logger): Logger {
  const guarded = (level: keyof Logger) => (details: object, message: string) => {
    try {
      logger[level](details, message)
    } catch {
      // There is nobody to tell.
    }
  }
  return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') }
}

const nothing = () => {}

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
