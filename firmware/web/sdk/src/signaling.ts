/**
 * One WebSocket to the box: hello, requests and their answers, pings, and coming back after a drop.
 *
 *     disconnected ──connect()──▶ connecting ──welcome──▶ connected
 *          ▲                          │ refused, or              │ socket lost
 *          │                          │ out of time              ▼
 *          └──────────────────────────┴──────────────── reconnecting ⟲ (250 ms … 5 s, jittered)
 *
 * While the connection is down, a request waits in a bounded queue if it asks to (`wait`), else it
 * is refused with `connection_lost`. A request whose answer was still open when the socket dropped
 * is rejected with `connection_lost`: its fate is unknown, and a call's snapshot tells it.
 */

import { CausewayError, asCausewayError } from './errors';
import type { Log } from './log';
import { PROTOCOL_VERSION, SUBPROTOCOL, parseMessage } from './protocol';
import type { Notice, OkMessage, Request, ServerMessage, Welcome } from './protocol';
import type { TokenSource } from './token';
import { SDK_VERSION } from './version';

export type ConnectionState = 'disconnected' | 'connecting' | 'connected' | 'reconnecting';

const FIRST_BACKOFF_MS = 250;
const LAST_BACKOFF_MS = 5_000;
/** A connection that lived shorter than this does not reset the backoff. */
const STABLE_MS = 5_000;
/** For the socket to open, and again for the box to answer `hello`. */
const HANDSHAKE_TIMEOUT_MS = 8_000;
const REQUEST_TIMEOUT_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
/** After a change of network: a new connection to a box that is far away costs less than waiting for a dead one. */
const DOUBT_TIMEOUT_MS = 400;
const PENDING_LIMIT = 128;
const WAITING_LIMIT = 64;
/** More bytes than this unsent means the way to the box is dead. */
const BUFFERED_LIMIT = 1 << 20;
/** How often a fresh token is tried after the box refused one. */
const AUTH_ATTEMPTS = 3;

const CLOSE_CODES: ReadonlyMap<number, [string, string]> = new Map([
  [4400, ['bad_request', 'The box found a protocol error.']],
  [4401, ['auth_failed', 'The box does not accept the token.']],
  [4403, ['origin_forbidden', "This page's origin is not allowed."]],
  [4413, ['too_large', 'A message was too large for the box.']],
  [4429, ['rate_limited', 'The box is being asked too much.']],
]);
/** Refusals that another attempt with the same words would only repeat. */
const FATAL: ReadonlySet<string> = new Set([
  'origin_forbidden', 'account_forbidden', 'unsupported', 'bad_request', 'not_supported', 'destroyed',
]);
const AUTH: ReadonlySet<string> = new Set(['auth_failed', 'token_expired']);

/** @internal */
export interface SignalingOwner {
  /** Whether anyone needs the connection: else a lost one is not sought again. */
  needsConnection(): boolean;
  stateChanged(state: ConnectionState, error?: CausewayError): void;
  /** Runs at each welcome, before waiting requests are sent. */
  welcomed(welcome: Welcome): Promise<void>;
  received(message: ServerMessage): void;
  tokenExpiring(inSeconds: number): void;
}

interface Pending {
  resolve(message: OkMessage | Welcome): void;
  reject(error: CausewayError): void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** @internal */
export interface RequestOptions {
  timeoutMs?: number;
  /** Wait for the connection to come back instead of being refused. */
  wait?: boolean;
}

/** @internal */
export class Signaling {
  state: ConnectionState = 'disconnected';
  welcome: Welcome | undefined;

  readonly #url: string;
  readonly #tokens: TokenSource;
  readonly #owner: SignalingOwner;
  readonly #log: Log;
  readonly #connectTimeoutMs: number;
  readonly #namesPage: boolean;
  #socket: WebSocket | undefined;
  #running: Promise<void> | undefined;
  #nextId = 1;
  #readySince = 0;
  #backoffMs = FIRST_BACKOFF_MS;
  #pingTimer: ReturnType<typeof setTimeout> | undefined;
  #wake: (() => void) | undefined;
  /** The next attempt needs no pause: it is our own doubt that ended the connection. */
  #atOnce = false;
  #generation = 0;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: { id: number; text: string }[] = [];

  constructor(url: string, tokens: TokenSource, owner: SignalingOwner, log: Log, connectTimeoutMs: number, namesPage: boolean) {
    this.#url = url;
    this.#tokens = tokens;
    this.#owner = owner;
    this.#log = log;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#namesPage = namesPage;
  }

  get connected(): boolean {
    return this.state === 'connected';
  }

  /** Resolves when the box has welcomed us; rejects when it refuses or cannot be reached in time. */
  async connect(): Promise<Welcome> {
    if (!this.connected) {
      this.#running ??= this.#run('connecting');
      await this.#running;
    }
    if (!this.welcome) throw new CausewayError('connection_lost', 'The connection to the box is gone.');
    return this.welcome;
  }

  /** Asks the box and resolves with its `ok`. Rejects with the box's error, `timed_out` or `connection_lost`. */
  request(request: Request, options: RequestOptions = {}): Promise<OkMessage> {
    if (this.connected) return this.#ask(request, options.timeoutMs) as Promise<OkMessage>;
    if (!options.wait || this.state === 'disconnected') {
      return Promise.reject(new CausewayError('connection_lost', 'There is no connection to the box.'));
    }
    return this.#ask(request, options.timeoutMs, true) as Promise<OkMessage>;
  }

  /** Asks during `welcomed`, when the connection is open and not yet everyone's. */
  requestNow(request: Request): Promise<OkMessage> {
    return this.#ask(request) as Promise<OkMessage>;
  }

  /** Sends what nobody answers; silently nothing when there is no connection. */
  notify(notice: Notice): boolean {
    return this.#socket !== undefined && this.welcome !== undefined && this.#write(JSON.stringify(notice));
  }

  /** Tries again at once instead of at the end of the pause. */
  hurry(): void {
    this.#wake?.();
  }

  /** The network may be another: checks now, with little patience, that the box still answers. */
  doubt(): void {
    this.hurry();
    if (this.connected) this.#schedulePing(0, DOUBT_TIMEOUT_MS);
  }

  /** The network was gone: begins a new connection now. */
  renew(): void {
    if (this.connected) this.#lost('the network was gone', true);
  }

  /** Closes for good or until the next `connect()`. */
  close(reason: CausewayError): void {
    this.#generation += 1;
    this.#wake?.();
    this.#running = undefined;
    this.#dropSocket(1000);
    this.#rejectAll(reason);
    this.#setState('disconnected');
  }

  // ---- coming and going ----

  async #run(state: 'connecting' | 'reconnecting'): Promise<void> {
    const generation = ++this.#generation;
    const giveUpAt = Date.now() + this.#connectTimeoutMs;
    let refusals = 0;
    this.#setState(state);
    for (;;) {
      try {
        if (state === 'reconnecting') await this.#pause(generation);
        await this.#attempt(generation);
        if (this.#running && generation === this.#generation) this.#running = undefined;
        return;
      } catch (thrown) {
        const error = asCausewayError(thrown, 'connection_lost');
        if (generation !== this.#generation) throw error;
        this.#log.warn(`connection attempt failed: ${error.code}: ${error.message}`);
        this.#dropSocket(1000);
        if (AUTH.has(error.code)) refusals += 1;
        const hopeless =
          FATAL.has(error.code) ||
          (AUTH.has(error.code) && (!this.#tokens.renewable || refusals >= AUTH_ATTEMPTS)) ||
          (state === 'connecting'
            ? error.code === 'token_failed' || Date.now() + this.#backoffMs >= giveUpAt
            : !this.#owner.needsConnection());
        if (hopeless) {
          this.#running = undefined;
          this.#rejectAll(error);
          this.#setState('disconnected', error);
          throw error;
        }
        if (state === 'connecting') await this.#pause(generation);
      }
    }
  }

  async #pause(generation: number): Promise<void> {
    if (this.#atOnce) {
      this.#atOnce = false;
      return;
    }
    const ms = this.#backoffMs * (0.5 + Math.random() * 0.5);
    this.#backoffMs = Math.min(this.#backoffMs * 2, LAST_BACKOFF_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    this.#stillWanted(generation);
  }

  /** One attempt: token, socket, hello, welcome, then the owner's reattachments. */
  async #attempt(generation: number): Promise<void> {
    const token = await this.#tokens.fetch();
    this.#stillWanted(generation);
    const socket = await this.#open();
    if (generation !== this.#generation) {
      socket.close(1000);
      this.#stillWanted(generation);
    }
    this.#socket = socket;
    socket.onmessage = (event) => this.#frame(event.data);
    socket.onclose = (event) => this.#closed(socket, event.code);
    const client: { sdk: string; page?: string } = { sdk: `causeway-js/${SDK_VERSION}` };
    if (this.#namesPage && typeof location === 'object') client.page = location.href.slice(0, 1024);
    const welcome = (await this.#ask(
      { type: 'hello', version: PROTOCOL_VERSION, token, client },
      HANDSHAKE_TIMEOUT_MS,
    )) as Welcome;
    this.#stillWanted(generation);
    this.welcome = welcome;
    this.#readySince = Date.now();
    this.#schedulePing();
    await this.#owner.welcomed(welcome);
    this.#stillWanted(generation);
    // The socket may have gone while calls were reattached.
    if (this.#socket !== socket) throw new CausewayError('connection_lost', 'The connection dropped again.');
    this.#setState('connected');
    for (const { id, text } of this.#waiting.splice(0)) if (this.#pending.has(id)) this.#write(text);
  }

  #open(): Promise<WebSocket> {
    if (typeof WebSocket !== 'function') {
      throw new CausewayError('not_supported', 'This browser has no WebSocket.');
    }
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.#url, SUBPROTOCOL);
    } catch (error) {
      throw new CausewayError('not_supported', 'The address of the box cannot be used.', { cause: error });
    }
    return new Promise((resolve, reject) => {
      const fail = (message: string) => {
        clearTimeout(timer);
        socket.onopen = socket.onclose = null;
        reject(new CausewayError('connection_lost', message));
        socket.close();
      };
      const timer = setTimeout(() => fail('The box did not answer in time.'), HANDSHAKE_TIMEOUT_MS);
      socket.onclose = () => fail('The box cannot be reached.');
      socket.onopen = () => {
        clearTimeout(timer);
        socket.onopen = socket.onclose = null;
        resolve(socket);
      };
    });
  }

  #closed(socket: WebSocket, code: number, atOnce = false): void {
    if (socket !== this.#socket) return;
    const [errorCode, message] = CLOSE_CODES.get(code) ?? ['connection_lost', 'The connection to the box dropped.'];
    const error = new CausewayError(errorCode, message);
    this.#log.info(`connection closed (${code})`);
    if (Date.now() - this.#readySince >= STABLE_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    const wasConnected = this.connected;
    this.#atOnce = atOnce;
    this.#dropSocket(1000);
    this.#rejectSent(error);
    if (!wasConnected) return; // the attempt under way sees its request rejected
    if (this.#owner.needsConnection()) {
      this.#running = this.#run('reconnecting');
      this.#running.catch(() => undefined); // told through stateChanged
    } else {
      this.#setState('disconnected', error);
    }
  }

  /** The socket is no use any more: behave as if the network had told us. */
  #lost(why: string, atOnce = false): void {
    const socket = this.#socket;
    this.#log.warn(why);
    if (socket) this.#closed(socket, 1006, atOnce);
  }

  #dropSocket(code: number): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.welcome = undefined;
    clearTimeout(this.#pingTimer);
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  #stillWanted(generation: number): void {
    if (generation !== this.#generation) throw new CausewayError('connection_lost', 'The connection was closed.');
  }

  #setState(state: ConnectionState, error?: CausewayError): void {
    if (state === this.state) return;
    this.state = state;
    this.#owner.stateChanged(state, error);
  }

  // ---- messages ----

  #ask(request: Request, timeoutMs = REQUEST_TIMEOUT_MS, wait = false): Promise<OkMessage | Welcome> {
    if (this.#pending.size >= PENDING_LIMIT || (wait && this.#waiting.length >= WAITING_LIMIT)) {
      return Promise.reject(new CausewayError('queue_full', 'Too many requests are waiting for the box.'));
    }
    const id = this.#nextId++;
    const text = JSON.stringify({ ...request, id });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new CausewayError('timed_out', `The box did not answer ${request.type} in time.`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      if (wait) this.#waiting.push({ id, text });
      else if (!this.#write(text)) this.#settle(id)?.reject(new CausewayError('connection_lost', 'The connection to the box is gone.'));
    });
  }

  #write(text: string): boolean {
    const socket = this.#socket;
    if (!socket || socket.readyState !== 1) return false;
    if (socket.bufferedAmount > BUFFERED_LIMIT) {
      this.#lost('the box takes nothing any more');
      return false;
    }
    socket.send(text);
    return true;
  }

  #frame(data: unknown): void {
    const message = parseMessage(data);
    if (!message) {
      this.#log.warn('an unreadable frame was ignored');
      return;
    }
    this.#log.debug('received', message.type);
    switch (message.type) {
      case 'ok':
      case 'welcome':
        this.#settle(message.id)?.resolve(message);
        return;
      case 'error': {
        const error = new CausewayError(message.code, message.message, { sip: message.sip });
        if (message.id !== undefined) this.#settle(message.id)?.reject(error);
        else this.#owner.received(message);
        return;
      }
      case 'token.expiring':
        this.#owner.tokenExpiring(message.expires_in_s);
        return;
      default:
        this.#owner.received(message);
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  /** Rejects what was sent and has no answer yet; what waits for the next connection goes on waiting. */
  #rejectSent(error: CausewayError): void {
    const lost =
      error.code === 'connection_lost' || !this.connected
        ? error
        : new CausewayError('connection_lost', error.message, { cause: error });
    const waiting = new Set(this.#waiting.map((w) => w.id));
    for (const id of [...this.#pending.keys()]) if (!waiting.has(id)) this.#settle(id)?.reject(lost);
  }

  #rejectAll(error: CausewayError): void {
    this.#waiting.length = 0;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }

  #schedulePing(afterMs = Math.max(this.welcome?.ping_s ?? 15, 1) * 1000, patienceMs = PING_TIMEOUT_MS): void {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(() => {
      const socket = this.#socket;
      this.#ask({ type: 'ping' }, patienceMs).then(
        () => socket === this.#socket && this.#schedulePing(),
        () => socket && socket === this.#socket && this.#lost('the box does not answer pings', patienceMs < PING_TIMEOUT_MS),
      );
    }, afterMs);
  }
}
