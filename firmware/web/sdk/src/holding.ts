/** A page's wishes to hold its call and to take it up again, one after the other. */

import { ended } from './call_ending';
import { OperationQueue } from './operations';
import type { HeldBy } from './protocol';

/** @internal */
export interface HoldOwner {
  ended(): boolean;
  heldBy(): HeldBy | null;
  /** Sends and hears what is allowed now. */
  apply(): void;
  /** Asks the far side; resolves when it agreed. `done` tells, after a lost answer, whether it had. */
  ask(type: 'call.hold' | 'call.resume', done: () => boolean): Promise<void>;
  agreed(heldBy: HeldBy | null): void;
}

/** @internal */
export class Holding {
  /** We asked for a hold that nobody agreed to yet: nothing is sent already. */
  pending = false;
  readonly #owner: HoldOwner;
  readonly #queue = new OperationQueue();
  #last: { on: boolean; done: Promise<void> } | undefined;

  constructor(owner: HoldOwner) {
    this.#owner = owner;
  }

  /** Whether this side holds the call. */
  get here(): boolean {
    const heldBy = this.#owner.heldBy();
    return heldBy === 'local' || heldBy === 'both';
  }

  set(on: boolean): Promise<void> {
    // The same wish twice in a row is one wish.
    if (this.#last?.on === on) return this.#last.done;
    const done = this.#queue.run(() => this.#negotiate(on));
    const entry = (this.#last = { on, done });
    const forget = () => {
      if (this.#last === entry) this.#last = undefined;
    };
    done.then(forget, forget);
    return done;
  }

  async #negotiate(on: boolean): Promise<void> {
    if (this.#owner.ended()) throw ended();
    if (this.here === on) return;
    this.pending = on;
    this.#owner.apply();
    try {
      await this.#owner.ask(on ? 'call.hold' : 'call.resume', () => this.here === on);
      const heldBy = this.#owner.heldBy();
      const theirs = heldBy === 'remote' || heldBy === 'both';
      this.#owner.agreed(on ? (theirs ? 'both' : 'local') : theirs ? 'remote' : null);
    } finally {
      this.pending = false;
      this.#owner.apply();
    }
  }
}
