/** Runs operations one after the other, a bounded number waiting. */

import { CausewayError } from './errors';

const LIMIT = 16;

/** @internal */
export class OperationQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** Runs `operation` when those before it are done, whatever came of them. */
  run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#length >= LIMIT) {
      return Promise.reject(new CausewayError('queue_full', 'Too many operations of this call are waiting.'));
    }
    this.#length += 1;
    const result = this.#tail.then(operation).finally(() => (this.#length -= 1));
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
