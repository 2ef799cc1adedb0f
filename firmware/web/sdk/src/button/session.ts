/**
 * One call of the button, from the click to its end. What it shows is told from what is known, not remembered beside it:
 *
 *     call not yet placed      → connecting; microphone while the user is being asked for it
 *     call trying              → connecting
 *     call ringing, early_media→ ringing
 *     call answered / held     → talking / held
 *     … and it reconnects      → reconnecting
 *     call over, or given up   → ended
 *     connect() refused, or no way for sound → error
 *
 * `ended` and `error` are final: the next click makes a new session.
 */

import type { Call } from '../call';
import { Device } from '../device';
import { asCausewayError } from '../errors';
import type { TokenOrProvider } from '../token';
import type { ButtonState } from './types';

/** A permission that is there already is found quicker than this: nobody is being asked. */
const ASKING_MS = 250;
/** The box gives up a call whose page did not come back. */
const GIVEN_UP_MS = 35_000;

/** What a call is made of. */
export interface Wish {
  token: TokenOrProvider;
  box: string | undefined;
  to: string;
  from: string | undefined;
  video: boolean;
  context: Record<string, unknown>;
  /** Whether the box may know the page's address. */
  namesPage: boolean;
  /** Device ids chosen before. */
  input: string | undefined;
  output: string | undefined;
}

export interface SessionOwner {
  changed(): void;
  volume(input: number, output: number): void;
}

/** Troubles that a caller notices, by what they are to the caller. */
const HINTS: Record<string, string> = {
  high_loss: 'poorQuality',
  high_jitter: 'poorQuality',
  high_rtt: 'poorQuality',
  low_quality: 'poorQuality',
  media_interrupted: 'poorQuality',
  no_media: 'unheard',
  mic_ended: 'unheard',
  camera_ended: 'noCamera',
};

export class Session {
  call: Call | undefined;
  soundBlocked = false;
  readonly #wish: Wish;
  readonly #owner: SessionOwner;
  readonly #device: Device;
  readonly #abort = new AbortController();
  readonly #warnings = new Set<string>();
  #asking = false;
  #over: { state: 'ended' | 'error'; reason: string } | undefined;
  #lastError: string | undefined;

  constructor(wish: Wish, owner: SessionOwner) {
    this.#wish = wish;
    this.#owner = owner;
    this.#device = new Device(wish.token, {
      ...(wish.box === undefined ? undefined : { url: wish.box }),
      ...(wish.output === undefined ? undefined : { outputDeviceId: wish.output }),
      pageContext: false,
      namesPage: wish.namesPage,
    });
  }

  get state(): ButtonState {
    if (this.#over) return this.#over.state;
    if (!this.call) return this.#asking ? 'microphone' : 'connecting';
    if (this.call.reconnecting) return 'reconnecting';
    switch (this.call.state) {
      case 'ringing':
      case 'early_media':
        return 'ringing';
      case 'answered':
        return 'talking';
      case 'held':
        return 'held';
      default:
        return 'connecting';
    }
  }

  get reason(): string | undefined {
    return this.#over?.reason;
  }

  get over(): boolean {
    return this.#over !== undefined;
  }

  /** What the caller should know while it lasts, by the names of the texts. */
  get hints(): Set<string> {
    return new Set([...this.#warnings].map((code) => HINTS[code] ?? '').filter(Boolean));
  }

  /** Makes the call. Must run within the user's click, before anything is awaited: Safari opens sound and microphone only there. */
  async start(): Promise<void> {
    const asking = setTimeout(() => {
      this.#asking = true;
      this.#owner.changed();
    }, ASKING_MS);
    const captured = () => {
      clearTimeout(asking);
      if (!this.#asking) return;
      this.#asking = false;
      this.#owner.changed();
    };
    try {
      const call = await this.#connect(this.#wish.video, captured);
      this.call = call;
      this.#follow(call);
      this.#owner.changed();
    } catch (thrown) {
      const error = asCausewayError(thrown, 'internal');
      if (!this.#over) console.warn(`causeway-call: ${error.message} (${error.code})`);
      this.#end('error', error.code);
    } finally {
      clearTimeout(asking);
      if (this.#over) this.#letGo();
    }
  }

  /** Ends the call or gives it up; what is still under way is undone when it can be. */
  async hangUp(): Promise<void> {
    this.#abort.abort();
    if (this.call) await this.call.disconnect();
    else this.#end('ended', 'cancelled');
  }

  async #connect(video: boolean, captured: () => void): Promise<Call> {
    const { to, from, context, input } = this.#wish;
    try {
      return await this.#device.connect({
        to,
        ...(from === undefined ? undefined : { from }),
        audio: input === undefined ? true : { deviceId: { ideal: input } },
        video,
        context,
        signal: this.#abort.signal,
        captured,
      });
    } catch (thrown) {
      // Perhaps it is the camera alone that cannot be had: sound goes before pictures.
      const error = asCausewayError(thrown, 'internal');
      if (!video || !error.code.startsWith('mic_') || this.#over) throw error;
      this.#warnings.add('camera_ended');
      return this.#connect(false, captured);
    }
  }

  #follow(call: Call): void {
    const changed = () => this.#owner.changed();
    for (const event of ['trying', 'ringing', 'earlyMedia', 'accept', 'hold', 'unhold', 'mute', 'video', 'reconnecting', 'reconnected'] as const) {
      call.on(event, changed);
    }
    call.on('volume', (input, output) => this.#owner.volume(input, output));
    call.on('warning', ({ code }) => {
      this.#warnings.add(code);
      changed();
    });
    call.on('warningCleared', (code) => {
      this.#warnings.delete(code);
      if (code === 'autoplay_blocked') this.soundBlocked = false;
      changed();
    });
    call.on('error', ({ code }) => {
      if (code === 'autoplay_blocked') this.soundBlocked = true;
      else this.#lastError = code;
      changed();
    });
    call.on('disconnect', ({ code }) => {
      if (code === 'media_failed') this.#end('error', this.#lastError ?? code);
      else this.#end('ended', code);
      this.#letGo();
    });
  }

  #end(state: 'ended' | 'error', reason: string): void {
    if (this.#over) return;
    this.#over = { state, reason };
    this.#warnings.clear();
    this.soundBlocked = false;
    this.#owner.changed();
  }

  #letGo(): void {
    // Without a connection the box could not be told yet.
    const wait = this.call && this.#device.connectionState !== 'connected' ? GIVEN_UP_MS : 0;
    setTimeout(() => void this.#device.destroy(), wait);
  }
}
