/** Where tokens come from: a string kept, or a function of the page asked each time. */

import { CausewayError, asCausewayError } from './errors';

/** A token, or a function that fetches a fresh one from the page's own server. */
export type TokenOrProvider = string | (() => Promise<string> | string);

/** How long a provider may take. */
const PROVIDER_TIMEOUT_MS = 15_000;

/** @internal */
export class TokenSource {
  #source: TokenOrProvider;

  constructor(source: TokenOrProvider) {
    if (typeof source !== 'function' && (typeof source !== 'string' || source === '')) {
      throw new CausewayError('invalid_argument', 'A device needs a token or a function that returns one.');
    }
    this.#source = source;
  }

  /** Whether a fresh token can be had without the page's doing. */
  get renewable(): boolean {
    return typeof this.#source === 'function';
  }

  /** Replaces a kept token; a provider stays what it is. */
  replace(token: string): void {
    if (typeof this.#source === 'string') this.#source = token;
  }

  /** The kept token, or a fresh one. Rejects with `token_failed`. */
  async fetch(): Promise<string> {
    if (typeof this.#source === 'string') return this.#source;
    const provider = this.#source;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new CausewayError('token_failed', 'The token provider did not answer in time.')),
        PROVIDER_TIMEOUT_MS,
      );
    });
    try {
      const token: unknown = await Promise.race([(async () => provider())(), timeout]);
      if (typeof token !== 'string' || token === '') {
        throw new CausewayError('token_failed', 'The token provider returned no token.');
      }
      return token;
    } catch (error) {
      throw asCausewayError(error, 'token_failed');
    } finally {
      clearTimeout(timer);
    }
  }
}
