/** The page's end of the box: places calls, receives them, keeps the connection they share. */

import { Call } from './call';
import { ended } from './call_ending';
import type { CallbackParts } from './call_types';
import { CausewayError, asCausewayError } from './errors';
import { Emitter } from './events';
import { Leaving, keep, take } from './kept';
import type { KeptCall } from './kept';
import { Log } from './log';
import type { LogLevel } from './log';
import { capture, stopTracks } from './media';
import type { AudioSource } from './media';
import type { CodecPreference } from './peer';
import { preflight } from './preflight';
import type { PreflightReport } from './preflight';
import { CONTEXT_LIMIT, SOCKET_PATH } from './protocol';
import type { CallbackWish, IncomingMessage, ServerMessage, Welcome } from './protocol';
import { Signaling } from './signaling';
import type { ConnectionState } from './signaling';
import { TokenSource } from './token';
import type { TokenOrProvider } from './token';

export interface DeviceOptions {
  /** The box: `https://box.example:8443` or a full `wss://` address. Default: where the SDK was loaded from, else the page's own host. */
  url?: string;
  /** Which audio codec is offered first. Default `auto`. */
  codec?: CodecPreference;
  /** Laid over echo cancellation, noise suppression and gain control, which are on. */
  audioConstraints?: MediaTrackConstraints;
  /** What the SDK writes to the console. Default `warn`. */
  logLevel?: LogLevel;
  /** In addition to those the box names. */
  iceServers?: RTCIceServer[];
  /** `relay` forces media through a TURN server. Default `all`. */
  iceTransportPolicy?: RTCIceTransportPolicy;
  /** The loudspeaker's device id. */
  outputDeviceId?: string;
  /** Ends the calls when the page goes away. Default true. */
  hangupOnUnload?: boolean;
  /**
   * A reload, or a way to another page of the same origin, ends no call: the device of the new page, made with this option
   * too, takes it up and raises `resumed`. Default false.
   */
  keepOnReload?: boolean;
  /** Adds the page's address, title and referrer to the context of its calls. Default true. */
  pageContext?: boolean;
  /** Names the page's address to the box for its records. Default true. @internal */
  namesPage?: boolean;
  /** How long the first connection may take, in milliseconds. Default 10 000. */
  connectTimeoutMs?: number;
}

export interface ConnectOptions {
  /** A number (`+4930123`, `100`), a `tel:` URI or an account (`anna@example.com`). */
  to: string;
  /** What to send. Default: the microphone. */
  audio?: AudioSource;
  video?: boolean | MediaTrackConstraints;
  /** JSON handed to the contact centre with the call; at most 8 KiB. */
  context?: Record<string, unknown>;
  /** The caller ID to show, one the app may use. */
  from?: string;
  /** Gives the call up while it is being made: nobody is called then, or rung no longer, and `connect` rejects with `call_ended`. */
  signal?: AbortSignal;
  /** Told when microphone and camera are open: till then the user may be asked. @internal */
  captured?: () => void;
}

/** The events of a device and what their listeners are given. */
export type DeviceEvents = {
  /** Calls to the account arrive here from now on, also again after a dropped connection. */
  registered: [account: string];
  unregistered: [];
  incoming: [call: Call];
  /** A call of the page before this one goes on here. */
  resumed: [call: Call];
  /** Something failed that no promise tells of; with the call it concerns. */
  error: [error: CausewayError, call?: Call];
  /** The token ends soon. A provider is asked by itself; else hand over a new one with `updateToken()`. */
  tokenWillExpire: [inSeconds: number];
  connectionState: [state: ConnectionState];
};

/** More calls at once than this are refused as busy. */
const CALL_LIMIT = 16;
const DEFAULT_RESUME_S = 30;
const REFRESH_ATTEMPTS = 4;
const REFRESH_PAUSE_MS = 5_000;

/** A device. Nothing happens before the first `connect()` or `register()`. */
export class Device extends Emitter<DeviceEvents> {
  readonly #options: DeviceOptions;
  readonly #log: Log;
  readonly #tokens: TokenSource;
  readonly #signaling: Signaling;
  readonly #calls = new Map<string, Call>();
  /** Ended here while the box could not be told: hung up when it can. */
  readonly #toHangUp = new Map<string, string>();
  #placings = 0;
  #wantsCalls = false;
  #registered: string | undefined;
  #destroyed = false;
  #resumeTimer: ReturnType<typeof setTimeout> | undefined;
  #resumeSeconds = DEFAULT_RESUME_S;
  #iceServers: RTCIceServer[] = [];
  readonly #url: string;
  #leaving: Leaving | undefined;
  #wasOffline = false;

  constructor(token: TokenOrProvider, options: DeviceOptions = {}) {
    super();
    this.#options = options;
    this.#log = new Log(options.logLevel ?? 'warn');
    this.#tokens = new TokenSource(token);
    const url = socketAddress(options.url);
    const owner = {
      needsConnection: () => this.#wantsCalls || this.#calls.size > 0 || this.#toHangUp.size > 0,
      stateChanged: (state: ConnectionState, error?: CausewayError) => this.#connectionChanged(state, error),
      welcomed: (welcome: Welcome) => this.#welcomed(welcome),
      received: (message: ServerMessage) => this.#received(message),
      tokenExpiring: (inSeconds: number) => void this.#tokenExpiring(inSeconds),
    };
    this.#signaling = new Signaling(url, this.#tokens, owner, this.#log, options.connectTimeoutMs ?? 10_000, options.namesPage ?? true);
    globalThis.addEventListener?.('pagehide', this.#pageHide);
    globalThis.addEventListener?.('offline', this.#offline);
    globalThis.addEventListener?.('online', this.#online);
    networkInformation()?.addEventListener('change', this.#moved);
    this.#url = url;
    if (options.keepOnReload) {
      this.#leaving = new Leaving();
      const kept = take(url, DEFAULT_RESUME_S * 1000);
      // The page's listeners come after its device.
      if (kept.length > 0) queueMicrotask(() => void this.#takeUp(kept));
    }
  }

  /** The connection to the box. */
  get connectionState(): ConnectionState {
    return this.#signaling.state;
  }
  /** The account calls are received for, while they are. */
  get account(): string | undefined {
    return this.#registered;
  }
  /** The calls that are not over. */
  get calls(): Call[] {
    return [...this.#calls.values()];
  }

  /**
   * Calls someone. Resolves as soon as the box took the call, before it rings; then listen to the
   * call's events. Rejects when it was refused (`destination_forbidden`, …), when the microphone
   * cannot be had (`mic_denied`, …), or when the box cannot be reached.
   */
  async connect(options: ConnectOptions): Promise<Call> {
    this.#mustLive();
    const { to, audio = true, video = false, from, signal } = options;
    if (typeof to !== 'string' || to.trim() === '' || to.length > 255) {
      throw new CausewayError('invalid_argument', 'A call needs someone to call: 1 to 255 characters.');
    }
    if (this.#calls.size >= CALL_LIMIT) throw new CausewayError('queue_full', 'Too many calls at once.');
    const context = this.#context(options.context);
    const captured = capture({ audio, video, defaults: this.#options.audioConstraints });
    let local: MediaStream | undefined;
    let welcome: Welcome;
    try {
      captured.then(options.captured, () => undefined);
      // Both at once: what takes longest is often the user's permission.
      [local, welcome] = await Promise.all([captured, this.#signaling.connect()]);
      this.#mustLive();
      if (signal?.aborted) throw ended();
    } catch (error) {
      captured.then(stopTracks, () => undefined);
      throw asCausewayError(error, 'connection_lost');
    }
    const call = new Call(this.#callOwner, {
      direction: 'outgoing',
      from: from ?? welcome.account ?? '',
      to: to.trim(),
      context,
    });
    // Counted from now on, though the box has not named it yet.
    const placing = `placing ${(this.#placings += 1)}`;
    this.#calls.set(placing, call);
    try {
      await call.place(local, video !== false, from);
      this.#calls.set(call.id, call);
    } finally {
      this.#calls.delete(placing);
    }
    if (signal?.aborted) {
      void call.disconnect();
      throw ended();
    }
    return call;
  }

  /**
   * Leaves a number to be called at, when a call cannot be made: no microphone, no way for sound. Resolves with the box's
   * name for the wish when somebody has taken it; rejects with `refused` when nobody takes any.
   */
  async requestCallback(wish: CallbackWish): Promise<string> {
    this.#mustLive();
    return this.#requestCallback({ ...wish, context: this.#context(wish.context as Record<string, unknown> | undefined) });
  }

  /**
   * Tries every hop that a call needs (microphone, HTTPS, WebSocket, UDP, relay, DTLS, sound) without calling anybody, and
   * names the one that fails with what to do. Takes 2 to 20 s; never rejects for what it finds.
   */
  async preflight(options: { audio?: AudioSource } = {}): Promise<PreflightReport> {
    this.#mustLive();
    const url = new URL(this.#url);
    const report = await preflight(
      {
        origin: `${url.protocol.replace(/^ws/, 'http')}//${url.host}`,
        audioConstraints: this.#options.audioConstraints,
        connect: async () => void (await this.#signaling.connect()),
        iceServers: () => [...(this.#options.iceServers ?? []), ...this.#iceServers],
        test: async (sdp) => (await this.#signaling.request({ type: 'media.test', sdp })).sdp ?? '',
      },
      options.audio ?? true,
    );
    this.#closeWhenIdle();
    return report;
  }

  /** Receives the calls of the token's account. Resolves when they arrive here. */
  async register(): Promise<void> {
    this.#mustLive();
    this.#wantsCalls = true;
    try {
      const welcome = await this.#signaling.connect();
      if (!welcome.account) {
        throw new CausewayError('account_forbidden', 'The token names no account that could be called.');
      }
      this.#announce(welcome.account);
    } catch (error) {
      this.#wantsCalls = false;
      throw asCausewayError(error, 'connection_lost');
    }
  }

  /** Receives calls no more. Calls under way go on. */
  async unregister(): Promise<void> {
    this.#wantsCalls = false;
    this.#announce(undefined);
    this.#closeWhenIdle();
  }

  /** Takes a new token in place of the one the device was made with. */
  async updateToken(token: string): Promise<void> {
    this.#mustLive();
    this.#tokens.replace(token);
    if (this.#signaling.connected) await this.#refresh(token);
    else if (this.#calls.size > 0 || this.#wantsCalls) await this.#signaling.connect();
  }

  /** Ends every call, closes the connection and makes the device useless. */
  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    globalThis.removeEventListener?.('pagehide', this.#pageHide);
    globalThis.removeEventListener?.('offline', this.#offline);
    globalThis.removeEventListener?.('online', this.#online);
    networkInformation()?.removeEventListener('change', this.#moved);
    this.#leaving?.close();
    this.#wantsCalls = false;
    this.#announce(undefined);
    await Promise.all(this.calls.map((call) => call.disconnect()));
    clearTimeout(this.#resumeTimer);
    this.#toHangUp.clear();
    this.#signaling.close(new CausewayError('destroyed', 'The device was destroyed.'));
  }

  // ---- calls of the page before ----

  async #takeUp(kept: KeptCall[]): Promise<void> {
    const video = kept.some((call) => call.video);
    const captured = capture({ audio: true, video, defaults: this.#options.audioConstraints });
    captured.catch(() => undefined);
    for (const { answeredAt, ...parts } of kept) {
      let local: MediaStream | undefined;
      try {
        await this.#signaling.connect();
        // Without a microphone the far side is at least heard.
        local = await captured.then((stream) => stream?.clone(), () => undefined);
        if (this.#destroyed) break;
        const call = new Call(this.#callOwner, { ...parts, answeredAt: answeredAt ? new Date(answeredAt) : undefined });
        await call.takeUp(local, parts.video);
        if (call.state === 'ended') continue;
        this.#calls.set(call.id, call);
        this.emit('resumed', call);
      } catch (error) {
        stopTracks(local);
        this.#log.warn('a call of the page before could not be taken up', error);
        this.emit('error', new CausewayError('session_lost', 'The call was gone when the page came back.', { cause: error }));
      }
    }
    captured.then(stopTracks, () => undefined);
  }

  async #requestCallback({ number, name, to, context }: CallbackParts, call?: string): Promise<string> {
    await this.#signaling.connect();
    const ok = await this.#signaling.request({
      type: 'callback.request',
      number,
      ...(name ? { name } : undefined),
      ...(to ? { to } : undefined),
      ...(context ? { context } : undefined),
      ...(call === undefined ? undefined : { call }),
    });
    return ok.callback ?? '';
  }

  // ---- the connection ----

  #connectionChanged(state: ConnectionState, error?: CausewayError): void {
    if (state === 'connected') {
      clearTimeout(this.#resumeTimer);
      this.#resumeTimer = undefined;
      for (const call of this.calls) call.signalingBack();
      if (this.#wantsCalls && this.#signaling.welcome?.account) this.#announce(this.#signaling.welcome.account);
    } else {
      if (state === 'reconnecting') {
        for (const call of this.calls) call.signalingLost();
        this.#resumeTimer ??= setTimeout(() => this.#sessionLost(), this.#resumeSeconds * 1000);
      }
      this.#announce(undefined);
    }
    this.emit('connectionState', state);
    // Without a call or registration nobody's wish failed: the next connect() tries again.
    if (error && (this.#calls.size > 0 || this.#wantsCalls)) this.emit('error', error);
  }

  async #welcomed(welcome: Welcome): Promise<void> {
    if (Number.isFinite(welcome.resume_s)) this.#resumeSeconds = welcome.resume_s;
    this.#iceServers = welcome.ice?.servers ?? [];
    for (const [call, resume] of this.#toHangUp) {
      this.#toHangUp.delete(call);
      this.#signaling
        .requestNow({ type: 'call.reattach', call, resume })
        .then(() => this.#signaling.requestNow({ type: 'call.hangup', call }))
        .catch(() => undefined); // over already: what was wanted
    }
    await Promise.all(this.calls.map((call) => call.reattach()));
  }

  /** The box has given up our calls by now. */
  #sessionLost(): void {
    this.#resumeTimer = undefined;
    this.#toHangUp.clear();
    for (const call of this.calls) call.sessionLost();
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (!this.#wantsCalls && this.#calls.size === 0 && this.#toHangUp.size === 0) {
      this.#signaling.close(new CausewayError('connection_lost', 'The connection was closed.'));
    }
  }

  #announce(account: string | undefined): void {
    if (account === this.#registered) return;
    this.#registered = account;
    if (account === undefined) this.emit('unregistered');
    else this.emit('registered', account);
  }

  async #refresh(token: string): Promise<void> {
    const { ice } = await this.#signaling.request({ type: 'token.refresh', token });
    if (ice?.servers) this.#iceServers = ice.servers;
  }

  async #tokenExpiring(inSeconds: number): Promise<void> {
    this.emit('tokenWillExpire', inSeconds);
    if (!this.#tokens.renewable) return;
    for (let attempt = 1; !this.#destroyed && this.#signaling.connected; attempt += 1) {
      try {
        await this.#refresh(await this.#tokens.fetch());
        return;
      } catch (error) {
        if (attempt === REFRESH_ATTEMPTS) {
          this.emit('error', asCausewayError(error, 'token_failed'));
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, REFRESH_PAUSE_MS));
      }
    }
  }

  // ---- messages ----

  #received(message: ServerMessage): void {
    switch (message.type) {
      case 'call.incoming':
        this.#incoming(message);
        return;
      case 'call.state':
      case 'call.answer':
      case 'call.dtmf':
      case 'call.renegotiate':
      case 'call.video':
      case 'call.transfer':
      case 'call.warning':
        this.#calls.get(message.call)?.received(message);
        return;
      case 'error': {
        const error = new CausewayError(message.code, message.message, { sip: message.sip });
        const call = message.call === undefined ? undefined : this.#calls.get(message.call);
        if (call) call.failed(error);
        else this.emit('error', error);
        return;
      }
      default:
        this.#log.info('a message of a newer box was ignored');
    }
  }

  #incoming(message: IncomingMessage): void {
    if (this.#calls.has(message.call)) return;
    if (!this.#wantsCalls) {
      // Another device of the account may take it: not ours to refuse.
      this.#log.info('an incoming call was left alone: the device is not registered');
      return;
    }
    if (this.#calls.size >= CALL_LIMIT || this.listenerCount('incoming') === 0) {
      this.#signaling.request({ type: 'call.reject', call: message.call, reason: 'busy' }).catch(() => undefined);
      return;
    }
    const call = new Call(this.#callOwner, {
      direction: 'incoming',
      from: message.from.number,
      fromName: message.from.name,
      to: message.to,
      contextToken: message.context,
      divertedFrom: message.diverted_from,
      id: message.call,
      resume: message.resume,
    });
    this.#calls.set(message.call, call);
    this.emit('incoming', call);
  }

  // ---- what calls need ----

  get #callOwner() {
    const { codec = 'auto', audioConstraints, iceTransportPolicy = 'all', outputDeviceId, iceServers = [] } = this.#options;
    return {
      signaling: this.#signaling,
      log: this.#log,
      codec,
      audioConstraints,
      iceTransportPolicy,
      outputDeviceId,
      iceServers: () => [...iceServers, ...this.#iceServers],
      requestCallback: (wish: CallbackParts, call: string | undefined) => this.#requestCallback(wish, call),
      callError: (call: Call, error: CausewayError) => this.emit('error', error, call),
      callEnded: (call: Call, resume: string | undefined, hangUpLater: boolean) => {
        this.#calls.delete(call.id);
        if (hangUpLater && resume !== undefined && !this.#destroyed) this.#toHangUp.set(call.id, resume);
      },
    };
  }

  #context(own: Record<string, unknown> | undefined): object | undefined {
    if (own !== undefined && (typeof own !== 'object' || own === null || Array.isArray(own))) {
      throw new CausewayError('invalid_argument', 'The context is an object.');
    }
    let bare: string;
    try {
      bare = JSON.stringify(own ?? {});
    } catch (error) {
      throw new CausewayError('invalid_argument', 'The context cannot be written as JSON.', { cause: error });
    }
    if (bytes(bare) > CONTEXT_LIMIT) throw new CausewayError('too_large', 'The context is larger than 8 KiB.');
    const context = JSON.parse(bare) as Record<string, unknown>;
    if (this.#options.pageContext !== false && typeof document === 'object' && context['page'] === undefined) {
      const { title, referrer } = document;
      const page = { url: location.href.slice(0, 2048), title: title.slice(0, 256), referrer: referrer.slice(0, 1024) };
      // What the page itself says goes before what we add.
      if (bytes(JSON.stringify({ ...context, page })) <= CONTEXT_LIMIT) context['page'] = page;
    }
    return Object.keys(context).length > 0 ? context : undefined;
  }

  #mustLive(): void {
    if (this.#destroyed) throw new CausewayError('destroyed', 'The device was destroyed.');
  }

  /** The browser may be in another network. */
  readonly #moved = (): void => {
    this.#signaling.doubt();
    for (const call of this.calls) call.moved();
  };

  readonly #offline = (): void => {
    this.#wasOffline = true;
  };

  readonly #online = (): void => {
    // It had no address for a while: what was connected then is not worth a question.
    if (this.#wasOffline) this.#signaling.renew();
    this.#wasOffline = false;
    this.#moved();
  };

  readonly #pageHide = (): void => {
    if (this.#options.keepOnReload && this.#leaving?.comesBack()) {
      const kept = this.calls.map((call) => call.kept()).filter((call) => call !== undefined);
      if (keep(this.#url, kept, this.#log)) {
        for (const call of this.calls) call.kept() ? call.letGo() : call.drop();
        return;
      }
    }
    if (this.#options.hangupOnUnload === false) return;
    for (const call of this.calls) call.drop();
    this.#closeWhenIdle();
  };
}

/** What some browsers know of the kind of network they are in. */
function networkInformation(): EventTarget | undefined {
  return (globalThis.navigator as { connection?: EventTarget } | undefined)?.connection;
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The WebSocket's address out of what the page said, or out of where the SDK came from. */
function socketAddress(given: string | undefined): string {
  let base = given;
  if (base === undefined && /^https?:.*\/sdk\/v1\/[^/]*$/.test(import.meta.url)) base = new URL('/', import.meta.url).href;
  if (base === undefined && typeof location === 'object') base = location.origin;
  try {
    const url = new URL(base ?? '', typeof location === 'object' ? location.href : undefined);
    url.protocol = url.protocol.replace(/^http/, 'ws');
    if (url.pathname === '/') url.pathname = SOCKET_PATH;
    if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw new Error(url.protocol);
    url.hash = '';
    return url.href;
  } catch (error) {
    throw new CausewayError('invalid_argument', 'The option url is not the address of a box.', { cause: error });
  }
}
