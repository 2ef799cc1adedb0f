/** Runs operations one after the other, a bounded number waiting. */

import { CausewayError } from './errors';

const LIMIT = 16;

/** @internal */
export class OperationQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** Runs `operation` at once, or when those before it are done, whatever came of them. */
  run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#length >= LIMIT) {
      return Promise.reject(new CausewayError('queue_full', 'Too many operations of this call are waiting.'));
    }
    // At once, not a turn later: who holds wants silence before the next line of the page runs.
    const started = this.#length === 0 ? operation() : this.#tail.then(operation);
    this.#length += 1;
    const result = started.finally(() => (this.#length -= 1));
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
