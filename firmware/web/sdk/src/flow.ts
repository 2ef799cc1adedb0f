/**
 * Watches whether sound comes in, which tells of a network that has gone seconds before the browser does.
 *
 * Silence alone proves nothing: a telephone system may send none. So it is told once, and again only after sound has come
 * in between; and what has come of it is seen by the path's own checks, which the box always answers.
 */

const LOOK_MS = 250;
/** Longer than any jitter, shorter than anybody waits. */
const STALLED_MS = 750;

/** @internal */
export interface FlowOwner {
  connection(): RTCPeerConnection | undefined;
  /** Whether there should be sound: not while held. */
  expected(): boolean;
  stalled(): void;
  /** The path works, as its checks or sound itself show. Told while it is in doubt. */
  alive(): void;
}

/** @internal */
export class FlowWatch {
  readonly #owner: FlowOwner;
  readonly #timer: ReturnType<typeof setInterval>;
  #last = 0;
  #changed = 0;
  #stalled = false;
  #flowing = false;
  /** Nobody sends, and the path is there. */
  #stands = false;
  #responses: number | undefined;

  constructor(owner: FlowOwner) {
    this.#owner = owner;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A path is sought anew: what its checks said before counts no more. */
  sought(): void {
    this.#responses = undefined;
    this.#stands = false;
  }

  #look(): void {
    const connection = this.#owner.connection();
    const receivers = connection?.getReceivers?.() ?? [];
    let last = 0;
    for (const receiver of receivers) {
      for (const source of receiver.getSynchronizationSources?.() ?? []) last = Math.max(last, source.timestamp);
    }
    const now = Date.now();
    if (last !== this.#last) {
      this.#last = last;
      this.#changed = now;
      this.#stalled = false;
      // Once may be the rest of what came before.
      if (this.#flowing) this.#owner.alive();
      this.#flowing = true;
      return;
    }
    this.#flowing = false;
    if (!this.#owner.expected()) {
      this.#changed = now;
    } else if (this.#stalled) {
      if (!this.#stands) void this.#ask(connection);
    } else if (this.#last > 0 && now - this.#changed >= STALLED_MS) {
      this.#stalled = true;
      this.#stands = false;
      this.#responses = undefined;
      this.#owner.stalled();
    }
  }

  /** Whether checks are answered though nothing is heard. */
  async #ask(connection: RTCPeerConnection | undefined): Promise<void> {
    let responses = 0;
    try {
      const report = await connection?.getStats();
      report?.forEach((stats: { type: string; responsesReceived?: number }) => {
        if (stats.type === 'candidate-pair') responses += stats.responsesReceived ?? 0;
      });
    } catch {
      return; // closing
    }
    if (this.#responses !== undefined && responses > this.#responses && this.#stalled) {
      this.#stands = true;
      this.#owner.alive();
    }
    this.#responses = responses;
  }
}
