/**
 * Brings a call's media back after the network changed under it, by ICE restarts.
 *
 * | state      | connected | disconnected          | failed     | stalled, moved | alive  | timer         | gone for `LIMIT_MS` |
 * |------------|-----------|-----------------------|------------|----------------|--------|---------------|---------------------|
 * | starting   | steady    | –                     | restarting | –              | –      | –             | give up             |
 * | steady     | –         | doubtful (`DOUBT_MS`) | restarting | restarting     | –      | –             | –                   |
 * | doubtful   | steady    | –                     | restarting | restarting     | –      | restarting    | –                   |
 * | restarting | steady    | –                     | restart    | restart (moved)| steady | restart again | give up             |
 *
 * `stalled`: no sound comes; `moved`: the browser is in another network. Neither is waited on: a restart on a path that
 * stands costs a few datagrams and is not heard. `alive` counts once a restart was answered and the browser still calls the
 * path connected: it then never says so again.
 *
 * While signalling is down no restart can be sent; the first thing after its return is one.
 */

const DOUBT_MS = 2_000;
const AGAIN_MS = 6_000;
const LIMIT_MS = 30_000;
/** Silence may be the far side's: not told before this, when it should have shown. */
const DISCREET_MS = 1_500;
/** Two restarts are never closer than this. */
const GAP_MS = 1_500;

/** @internal */
export interface RecoveryOwner {
  /** Media stopped flowing, for a moment perhaps. */
  mediaDoubtful(): void;
  /** Media is taken for lost; restarts begin. */
  mediaLost(): void;
  mediaBack(): void;
  /** Sends an ICE restart; rejects or resolves, either is followed by the timer. */
  restart(): Promise<void>;
  canRestart(): boolean;
  /** Nothing helped for `LIMIT_MS`. */
  gaveUp(everConnected: boolean): void;
}

/** @internal */
export class MediaRecovery {
  state: 'starting' | 'steady' | 'doubtful' | 'restarting' | 'closed' = 'starting';
  readonly #owner: RecoveryOwner;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #discreet: ReturnType<typeof setTimeout> | undefined;
  #lastRestart = -Infinity;
  #everConnected = false;
  #answered = false;

  constructor(owner: RecoveryOwner) {
    this.#owner = owner;
  }

  /** The answer is applied: from now on media has to come. */
  expectMedia(): void {
    if (this.state === 'starting') this.#startLimit();
  }

  connectionChanged(connection: RTCPeerConnectionState): void {
    if (this.state === 'closed') return;
    if (connection === 'connected') this.#connected();
    else if (connection === 'failed') this.#restarting();
    else if (connection === 'disconnected' && this.state === 'steady') {
      this.state = 'doubtful';
      this.#owner.mediaDoubtful();
      this.#after(DOUBT_MS, () => this.#restarting());
    }
  }

  /** Signalling is back; what could not be sent is sent now. */
  signalingBack(): void {
    if (this.state === 'doubtful' || this.state === 'restarting') {
      this.#lastRestart = -Infinity;
      this.#restarting();
    }
  }

  /** No sound comes any more. */
  stalled(): void {
    if (this.state === 'steady' || this.state === 'doubtful') this.#restarting(true);
  }

  /** The browser is in another network. */
  moved(): void {
    if (this.state === 'steady' || this.state === 'doubtful' || this.state === 'restarting') this.#restarting();
  }

  /** The restart was answered. */
  answered(): void {
    this.#answered = true;
  }

  /** Sound or an answered check has come through. */
  alive(connection: RTCPeerConnectionState | undefined): void {
    if (this.state === 'restarting' && this.#answered && connection === 'connected') this.#connected();
  }

  close(): void {
    this.state = 'closed';
    clearTimeout(this.#timer);
    clearTimeout(this.#limit);
    clearTimeout(this.#discreet);
  }

  #connected(): void {
    const was = this.state;
    this.#everConnected = true;
    this.state = 'steady';
    clearTimeout(this.#timer);
    clearTimeout(this.#limit);
    clearTimeout(this.#discreet);
    this.#limit = undefined;
    if (was === 'doubtful' || was === 'restarting') this.#owner.mediaBack();
  }

  #restarting(discreet = false): void {
    if (this.state === 'closed') return;
    if (this.state !== 'restarting') {
      this.state = 'restarting';
      this.#startLimit();
      if (discreet) this.#discreet = setTimeout(() => this.#owner.mediaLost(), DISCREET_MS);
      else this.#owner.mediaLost();
    }
    const wait = this.#lastRestart + GAP_MS - Date.now();
    if (wait > 0) this.#after(wait, () => this.#restarting());
    else this.#restart();
  }

  #restart(): void {
    this.#after(AGAIN_MS, () => this.#restarting());
    if (!this.#owner.canRestart()) return;
    this.#lastRestart = Date.now();
    this.#answered = false;
    this.#owner.restart().catch(() => undefined); // the timer tries again
  }

  #startLimit(): void {
    this.#limit ??= setTimeout(() => this.#owner.gaveUp(this.#everConnected), LIMIT_MS);
  }

  #after(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
  }
}
