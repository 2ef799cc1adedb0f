/** Where the SDK's own words go. Tokens, resume secrets and SDP are never among them. */

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

const ORDER: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug'];

/** Writes to the browser's console what the chosen level lets through. @internal */
export class Log {
  readonly #level: number;

  constructor(level: LogLevel) {
    this.#level = ORDER.indexOf(level);
  }

  error(...words: unknown[]): void {
    if (this.#level >= 1) console.error('[causeway]', ...words);
  }

  warn(...words: unknown[]): void {
    if (this.#level >= 2) console.warn('[causeway]', ...words);
  }

  info(...words: unknown[]): void {
    if (this.#level >= 3) console.info('[causeway]', ...words);
  }

  debug(...words: unknown[]): void {
    if (this.#level >= 4) console.debug('[causeway]', ...words);
  }
}
