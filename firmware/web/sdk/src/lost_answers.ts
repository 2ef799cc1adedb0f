/**
 * Requests whose answer got lost with the connection. They may have been done all the same: the snapshot after
 * reattaching tells.
 */

import { ended } from './call_ending';
import type { CausewayError } from './errors';

/** @internal */
export class LostAnswers {
  readonly #owner: { ended(): boolean; signalingLost(): boolean };
  #waiting: (() => void)[] = [];

  constructor(owner: { ended(): boolean; signalingLost(): boolean }) {
    this.#owner = owner;
  }

  /** Resolves when the connection is back and the snapshot is applied, or the call is over. */
  back(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The connection is back, or nothing more comes. */
  settle(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Whether this rejection says no more than that the connection dropped. */
  isLost(error: unknown): boolean {
    return !this.#owner.ended() && (error as CausewayError).code === 'connection_lost' && this.#owner.signalingLost();
  }

  /** Makes the request; `done` tells, after a lost answer, whether it was. */
  async ask(request: () => Promise<unknown>, done: () => boolean): Promise<void> {
    try {
      await request();
    } catch (error) {
      if (this.isLost(error)) {
        await this.back();
        if (!this.#owner.ended() && done()) return;
      }
      if (this.#owner.ended()) throw ended();
      throw error;
    }
    if (this.#owner.ended()) throw ended();
  }

  /** The same of a request that ends the call when it is done. */
  async askForTheEnd(request: () => Promise<unknown>, done: () => boolean): Promise<void> {
    try {
      await request();
    } catch (error) {
      if (this.isLost(error)) await this.back();
      if (done()) return;
      if (this.#owner.ended()) throw ended();
      throw error;
    }
  }
}
