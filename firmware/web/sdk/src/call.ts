/**
 * One call, from the page's side.
 *
 *     placing ─ trying ─┬─ ringing ─┬─ early_media ─┬─ answered ⇄ held ─ ended
 *     incoming ─────────┴───────────┴───────────────┘
 *
 * The box owns the state; this object follows its `call.state` messages, each applied once by its
 * `seq`, and after a dropped connection the snapshot, which raises the events missed meanwhile.
 * Silence is local and immediate: muting, holding and hanging up stop the microphone before the far
 * side knows, and a refused hold gives it back.
 */

import { digitsFault, transferTarget } from './call_arguments';
import { HANGUP_PATIENCE_MS, LAST_FIGURES_MS, delay, ended, localCause } from './call_ending';
import { CallMedia } from './call_media';
import type { AcceptOptions, CallEvents, CallOwner, CallParts, CallState, DigitOptions } from './call_types';
import { CausewayError, asCausewayError } from './errors';
import { Emitter } from './events';
import { Holding } from './holding';
import { describe } from './kept';
import type { KeptCall } from './kept';
import { LostAnswers } from './lost_answers';
import { capture, stopTracks } from './media';
import type { AudioSource } from './media';
import { OperationQueue } from './operations';
import type { CallMessage, DisconnectCause, HeldBy, OkMessage, WireState } from './protocol';
import type { CallStats } from './stats';
import { Troubles } from './troubles';
import { CallVideo } from './video';
import type { VideoSource } from './video';

/** Placing waits on the box only, holds and pictures on the far side's SIP transaction. */
const PLACE_TIMEOUT_MS = 15_000;
const FAR_SIDE = { timeoutMs: 40_000, wait: true };
/** The box gives a transfer up after four minutes without a word of it. */
const TRANSFER_TIMEOUT_MS = 260_000;

/** A call. Made by `device.connect()` or handed to the device's `incoming` listeners. */
export class Call extends Emitter<CallEvents> {
  readonly direction: 'outgoing' | 'incoming';
  /** Who calls: a number, or an account. */
  readonly from: string;
  /** The caller's name, when one came along. */
  readonly fromName: string | undefined;
  /** Who is called. */
  readonly to: string;
  /** What the page sent along with an outgoing call. */
  readonly context: object | undefined;
  /** The token of the context that came back with an incoming call; the page's server asks the box for what it stands for. */
  readonly contextToken: string | undefined;
  /** Whom the caller of an incoming call had called first, before the telephone system diverted the call. */
  readonly divertedFrom: string | undefined;

  readonly #owner: CallOwner;
  readonly #media: CallMedia;
  readonly #holding: Holding;
  readonly #video: CallVideo;
  readonly #answers = new LostAnswers({ ended: () => this.#ended, signalingLost: () => this.#troubles.signalingLost });
  /** What is offered to the far side: one thing at a time. */
  readonly #offers = new OperationQueue();
  readonly #digits = new OperationQueue();
  readonly #troubles: Troubles;
  #id: string | undefined;
  #resume: string | undefined;
  #state: CallState;
  #seq = -1;
  #heldBy: HeldBy | null = null;
  #muted = false;
  #codec: string | undefined;
  #cause: DisconnectCause | undefined;
  #answeredAt: Date | undefined;
  #endedAt: Date | undefined;
  #accepting = false;
  #hangingUp: Promise<void> | undefined;

  /** @internal */
  constructor(owner: CallOwner, parts: CallParts) {
    super();
    this.#owner = owner;
    this.direction = parts.direction;
    this.from = parts.from;
    this.fromName = parts.fromName;
    this.to = parts.to;
    this.context = parts.context;
    this.contextToken = parts.contextToken;
    this.divertedFrom = parts.divertedFrom;
    this.#id = parts.id;
    this.#resume = parts.resume;
    this.#answeredAt = parts.answeredAt;
    this.#muted = parts.muted ?? false;
    this.#state = parts.answeredAt ? 'answered' : parts.direction === 'incoming' ? 'incoming' : 'placing';
    const { signaling } = owner;
    this.#troubles = new Troubles({
      ended: () => this.#ended,
      reconnecting: (error) => this.emit('reconnecting', error),
      reconnected: () => this.emit('reconnected'),
      warning: (warning) => this.emit('warning', warning),
      warningCleared: (code) => this.emit('warningCleared', code),
    });
    this.#holding = new Holding({
      ended: () => this.#ended,
      heldBy: () => this.#heldBy,
      apply: () => this.#applyMedia(),
      ask: (type, done) =>
        this.#offers.run(() => this.#answers.ask(() => signaling.request({ type, call: this.id }, FAR_SIDE), done)),
      agreed: (heldBy) => this.#setHeldBy(heldBy),
    });
    this.#video = new CallVideo({
      ended: () => this.#ended,
      ask: (video) => this.#offers.run(() => signaling.request({ type: 'call.video', call: this.id, video }, FAR_SIDE)),
      media: () => this.#media,
      changed: (video) => this.emit('video', video),
      failed: (error) => owner.log.warn('the picture cannot be followed', error),
    });
    this.#media = new CallMedia(owner, {
      sendCandidate: (candidate) => signaling.notify({ type: 'call.candidate', call: this.id, candidate }),
      sendReport: (stats) => signaling.notify({ type: 'call.report', call: this.id, stats }),
      sendRestart: async (sdp) => void (await signaling.request({ type: 'call.restart', call: this.id, sdp })),
      canRestart: () => signaling.connected && this.#id !== undefined,
      mediaLost: (lost) => this.#troubles.lost(this.#troubles.signalingLost, lost),
      mediaGone: (everConnected) => this.#mediaGone(everConnected),
      noPath: (error) => this.#noPath(error),
      stalled: () => signaling.doubt(),
      warn: (warning) => this.#troubles.warn(warning),
      clearWarning: (code) => this.#troubles.clear(code),
      failed: (error) => this.#fail(error),
      soundBegan: () => !this.#ended && this.emit('warningCleared', 'autoplay_blocked'),
      held: () => this.#heldBy !== null,
      wantsVolume: () => this.listenerCount('volume') > 0,
      volume: (input, output) => this.emit('volume', input, output),
    });
  }

  // ---- what it is ----

  /** The box's name for the call; empty until it is placed. */
  get id(): string {
    return this.#id ?? '';
  }
  get state(): CallState {
    return this.#state;
  }
  /** Whether anyone holds the call. */
  get held(): boolean {
    return this.#heldBy !== null;
  }
  get heldBy(): HeldBy | null {
    return this.#heldBy;
  }
  get muted(): boolean {
    return this.#muted;
  }
  /** Whether both sides have agreed on a picture. */
  get video(): boolean {
    return this.#video.on;
  }
  /** The audio codec between browser and box, once known. */
  get codec(): string | undefined {
    return this.#codec;
  }
  /** Why the call ended; nothing before. */
  get cause(): DisconnectCause | undefined {
    return this.#cause;
  }
  get answeredAt(): Date | undefined {
    return this.#answeredAt;
  }
  /** Seconds since the answer, standing still once the call ended. */
  get duration(): number {
    if (!this.#answeredAt) return 0;
    return ((this.#endedAt?.getTime() ?? Date.now()) - this.#answeredAt.getTime()) / 1000;
  }
  /** Whether connection or media dropped and is being sought. */
  get reconnecting(): boolean {
    return this.#troubles.reconnecting;
  }
  get localStream(): MediaStream | undefined {
    return this.#media.peer?.localStream;
  }
  get remoteStream(): MediaStream | undefined {
    return this.#media.peer?.remoteStream;
  }
  /** The browser's connection, for figures and diagnosis. Changing it breaks the call. */
  get peerConnection(): RTCPeerConnection | undefined {
    return this.#media.peer?.connection;
  }

  // ---- what it does ----

  /** Answers an incoming call. Resolves when the box took it; rejects and leaves it ringing when not. */
  async accept(options: AcceptOptions = {}): Promise<void> {
    if (this.#state !== 'incoming' || this.#accepting) throw this.#wrongState('accepted');
    this.#accepting = true;
    try {
      const video = options.video ?? false;
      const audio = options.audio ?? true;
      const local = await capture({ audio, video, defaults: this.#owner.audioConstraints });
      if (this.#ended) {
        stopTracks(local);
        throw ended();
      }
      const sdp = await this.#media.start(local, video !== false);
      await this.#answers.ask(
        () => this.#owner.signaling.request({ type: 'call.accept', call: this.id, sdp }, { timeoutMs: PLACE_TIMEOUT_MS }),
        () => this.#state !== 'incoming',
      );
      this.#media.releaseCandidates();
    } catch (error) {
      if (!this.#ended) this.#media.stop();
      throw asCausewayError(error, 'media_failed');
    } finally {
      this.#accepting = false;
    }
  }

  /** Refuses an incoming call. */
  async reject(reason: 'busy' | 'declined' = 'declined'): Promise<void> {
    if (this.#state !== 'incoming' || this.#accepting) throw this.#wrongState('rejected');
    await this.#owner.signaling.request({ type: 'call.reject', call: this.id, reason }, { wait: true });
    this.#end({ code: reason, message: 'The call was refused here.', by: 'local' });
  }

  /** Ends the call, or gives up one that nobody answered yet. Resolves when it is over; never rejects. */
  disconnect(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    if (this.#state === 'incoming' && !this.#accepting) {
      return this.reject().catch(() => this.#end(localCause(this.#answeredAt !== undefined)));
    }
    return (this.#hangingUp ??= this.#hangUp(localCause(this.#answeredAt !== undefined)));
  }

  /**
   * Holds the call: nothing is sent and nothing heard. Resolves when the far side agreed; rejects
   * (`refused`, `timed_out`, …) with everything as it was before.
   */
  hold(): Promise<void> {
    return this.#setHold(true);
  }

  /** Takes the call off hold, as far as we held it. */
  resume(): Promise<void> {
    return this.#setHold(false);
  }

  /**
   * Hands the far side on: to a number, or to the far side of another answered call of this device.
   * Resolves when they have each other; the call, and the other one, then end with the cause
   * `transferred`. Rejects (`refused`, `timed_out`, `destination_forbidden`, …) with the call as it was.
   */
  async transfer(target: string | Call): Promise<void> {
    if (this.#state !== 'answered' && this.#state !== 'held') throw this.#wrongState('transferred');
    const wish = transferTarget(target instanceof Call && target !== this ? { with: target.id } : target);
    await this.#answers.askForTheEnd(
      () => this.#owner.signaling.request({ type: 'call.transfer', call: this.id, ...wish }, { timeoutMs: TRANSFER_TIMEOUT_MS, wait: true }),
      () => this.#cause?.code === 'transferred',
    );
  }

  /**
   * Leaves a number to be called at, also after the end. Resolves with the box's name for the wish when somebody has
   * taken it; rejects with `refused` when nobody takes any, so that the page promises nothing.
   */
  requestCallback(number: string, options: { name?: string; context?: Record<string, unknown> } = {}): Promise<string> {
    return this.#owner.requestCallback({ context: this.context, ...options, number, to: this.to }, this.#id);
  }

  /** Silences the microphone, or with `false` opens it again. Only here: the far side is not told. */
  mute(muted = true): void {
    if (this.#ended || muted === this.#muted) return;
    this.#muted = muted;
    this.#applyMedia();
    this.emit('mute', muted);
  }

  /** Presses digits: `0-9 A-D * #`, `,` pauses. Resolves when all are sent; calls queue in order. */
  sendDigits(digits: string, options: DigitOptions = {}): Promise<void> {
    const { duration = 100, gap = 70 } = options;
    const fault = digitsFault(digits, duration, gap);
    if (fault) return Promise.reject(fault);
    const timeoutMs = digits.length * Math.max(duration + gap, 2_000) + 5_000;
    return this.#digits.run(async () => {
      if (this.#ended) throw ended();
      await this.#owner.signaling.request(
        { type: 'call.dtmf', call: this.id, digits: digits.toUpperCase(), duration_ms: Math.round(duration), gap_ms: Math.round(gap) },
        { timeoutMs },
      );
    });
  }

  /** The browser's figures about this call's audio. */
  getStats(): Promise<CallStats> {
    return this.#media.stats();
  }

  /** Changes the microphone in mid-call. A stream given is cloned. */
  setInput(audio: Exclude<AudioSource, boolean>): Promise<void> {
    return this.#media.setInput(audio);
  }

  /**
   * Shows the camera to the far side, and the far side's picture here; with `false` both end. The sound goes on. Resolves
   * when it is so; rejects (`refused` where the far side has no pictures, `camera_denied`, …) with the call as it was.
   */
  async setVideo(video: VideoSource): Promise<void> {
    if (this.#state !== 'answered' && this.#state !== 'held') throw this.#wrongState('given or rid of a picture');
    await this.#video.set(video);
  }

  /** Chooses the loudspeaker by device id. Rejects with `not_supported` or `output_failed`. */
  setOutput(deviceId: string): Promise<void> {
    return this.#media.setOutput(deviceId);
  }

  /** How loud the far side is played, 0…1. */
  setVolume(volume: number): void {
    this.#media.setVolume(volume);
  }

  // ---- what the device does with it ----

  /** Places the call. Rejects, with everything let go, when the box refuses. @internal */
  async place(local: MediaStream | undefined, video: boolean, from: string | undefined): Promise<void> {
    try {
      const sdp = await this.#media.start(local, video);
      const more = { ...(this.context ? { context: this.context } : undefined), ...(from === undefined ? undefined : { from }) };
      const ok = await this.#owner.signaling.request(
        { type: 'call.place', to: this.to, sdp, audio: true, video, ...more },
        { timeoutMs: PLACE_TIMEOUT_MS },
      );
      this.#placed(ok);
    } catch (error) {
      const failure = asCausewayError(error, 'internal');
      this.#end({ code: 'failed', message: failure.message, by: 'box' });
      throw failure;
    }
  }

  /** Goes on with a call of the page before this one, on a connection of its own. @internal */
  async takeUp(local: MediaStream | undefined, video: boolean): Promise<void> {
    const sdp = await this.#media.start(local, video);
    this.#applyMedia();
    const ok = await this.#owner.signaling.request(
      { type: 'call.reattach', call: this.id, resume: this.#resume ?? '', sdp, video },
      { timeoutMs: PLACE_TIMEOUT_MS },
    );
    if (!ok.state) throw new CausewayError('internal', 'The box gave the call back without its state.');
    this.#apply(ok.state);
    if (this.#ended) return;
    if (ok.state.answer) await this.#media.answer(ok.state.answer, 'event');
    this.#media.releaseCandidates();
    this.#video.told(ok.state.video ?? false);
  }

  /** What the next page needs to go on with it; nothing when it cannot. @internal */
  kept(): KeptCall | undefined {
    // One that still rings here, rings there anew.
    const stays = !this.#ended && !this.#hangingUp && this.#state !== 'incoming';
    return stays && this.#resume !== undefined ? describe(this, this.#resume) : undefined;
  }

  /** Lets go of everything here; the box keeps the call. @internal */
  letGo(): void {
    this.#media.close();
  }

  /** The browser is in another network. @internal */
  moved(): void {
    if (!this.#ended) this.#media.moved();
  }

  /** Takes a message about this call. @internal */
  received(message: CallMessage): void {
    if (this.#ended) return;
    switch (message.type) {
      case 'call.state':
        this.#apply(message);
        return;
      case 'call.answer':
        void this.#answer(message.sdp, 'event');
        return;
      case 'call.dtmf':
        this.emit('dtmf', message.digit, message.duration_ms);
        return;
      case 'call.renegotiate':
        return this.#media.renegotiate();
      case 'call.video':
        return this.#video.told(message.video);
      case 'call.transfer':
        this.emit('transferProgress', message.status);
        return;
      case 'call.warning':
        if (message.code === 'media_resumed') this.#troubles.clear('no_media');
        else if (message.code === 'quality_restored') this.#troubles.clear('low_quality');
        else this.#troubles.warn({ code: message.code, message: message.message });
    }
  }

  /** An error of the box about this call that answers no request. @internal */
  failed(error: CausewayError): void {
    if (!this.#ended) this.#fail(error);
  }

  /** @internal */
  signalingLost(): void {
    this.#troubles.lost(true, this.#troubles.mediaLost);
  }

  /** Finds the call again on a new connection. Rejects when the connection failed again. @internal */
  async reattach(): Promise<void> {
    if (this.#id === undefined || this.#resume === undefined || this.#ended) return;
    try {
      const ok = await this.#owner.signaling.requestNow({ type: 'call.reattach', call: this.#id, resume: this.#resume });
      if (!ok.state) return;
      this.#apply(ok.state);
      if (ok.state.answer) await this.#answer(ok.state.answer, 'snapshot');
      this.#video.seen = ok.state.video;
    } catch (thrown) {
      const error = asCausewayError(thrown, 'connection_lost');
      if (error.code === 'connection_lost' || error.code === 'timed_out') throw error;
      this.#end({ code: 'session_lost', message: 'The call was gone when the connection came back.', by: 'box' });
    }
  }

  /** @internal */
  signalingBack(): void {
    if (this.#ended) return;
    this.#troubles.lost(false, this.#troubles.mediaLost);
    this.#answers.settle();
    this.#media.signalingBack();
    this.#video.catchUp();
  }

  /** The connection did not come back in time. @internal */
  sessionLost(): void {
    this.#end({ code: 'session_lost', message: 'The connection to the box did not come back in time.', by: 'local' });
  }

  /** Ends without waiting for anything: the page goes away. @internal */
  drop(): void {
    if (this.#ended) return;
    if (this.#id !== undefined) {
      this.#owner.signaling.request({ type: 'call.hangup', call: this.#id }).catch(() => undefined);
    }
    this.#end(localCause(this.#answeredAt !== undefined));
  }

  // ---- states ----

  get #ended(): boolean {
    return this.#state === 'ended';
  }

  #placed(ok: OkMessage): void {
    if (!ok.call || !ok.resume) throw new CausewayError('internal', 'The box placed the call without naming it.');
    this.#id = ok.call;
    this.#resume = ok.resume;
    if (this.#ended) {
      // Given up while it was being placed: nobody else would end it.
      this.#owner.signaling.request({ type: 'call.hangup', call: ok.call }).catch(() => undefined);
      throw ended();
    }
    this.#media.releaseCandidates();
  }

  /** Follows one state of the box: each once, later ones only. */
  #apply(next: WireState): void {
    if (this.#ended || next.seq < this.#seq) return;
    this.#seq = next.seq;
    if (next.codec) this.#codec = next.codec;
    const before = this.#state;
    switch (next.state) {
      case 'ended':
        this.#end(next.cause ?? { code: 'failed', message: 'The call ended.', by: 'box' });
        return;
      case 'answered':
      case 'held':
        this.#state = next.state;
        if (before !== 'answered' && before !== 'held') {
          this.#answeredAt ??= new Date();
          this.emit('accept');
        }
        this.#setHeldBy(next.state === 'held' ? (next.held_by ?? 'remote') : null);
        return;
      default:
        if (next.state === before) return;
        this.#state = next.state;
        if (next.state === 'trying') this.emit('trying');
        else if (next.state === 'ringing') this.emit('ringing');
        else if (next.state === 'early_media') this.emit('earlyMedia');
    }
  }

  #setHeldBy(heldBy: HeldBy | null): void {
    if (this.#ended || heldBy === this.#heldBy) return;
    this.#heldBy = heldBy;
    this.#state = heldBy ? 'held' : 'answered';
    this.#applyMedia();
    if (heldBy) this.emit('hold', heldBy);
    else this.emit('unhold');
  }

  #end(cause: DisconnectCause, hangUpLater = false): void {
    if (this.#ended) return;
    const surfaced = this.#id !== undefined;
    this.#state = 'ended';
    this.#cause = cause;
    this.#endedAt = new Date();
    this.#heldBy = null;
    this.#troubles.lost(false, false);
    this.#media.close();
    this.#answers.settle();
    this.#owner.callEnded(this, this.#resume, hangUpLater);
    if (!surfaced) return; // nobody was ever given this call
    if (cause.code === 'cancelled' || cause.code === 'answered_elsewhere') this.emit('cancel', cause);
    else if (cause.code === 'declined' || cause.code === 'busy') this.emit('reject', cause);
    this.emit('disconnect', cause);
  }

  async #hangUp(cause: DisconnectCause, reason?: 'no_path'): Promise<void> {
    this.#applyMedia(true);
    const { signaling } = this.#owner;
    if (!signaling.connected || this.#id === undefined) {
      this.#end(cause, true);
      return;
    }
    const over = this.#answers.back();
    if (this.#answeredAt) await Promise.race([this.#media.lastReport(), delay(LAST_FIGURES_MS)]);
    try {
      if (!this.#ended) {
        const why = reason ? { reason } : undefined;
        await signaling.request({ type: 'call.hangup', call: this.id, ...why }, { timeoutMs: HANGUP_PATIENCE_MS });
      }
      if (!this.#ended) await Promise.race([over, delay(HANGUP_PATIENCE_MS)]);
      this.#end(cause);
    } catch (error) {
      this.#owner.log.info('hangup without an answer', error);
      this.#end(cause, true);
    }
  }

  // ---- hold ----

  #setHold(on: boolean): Promise<void> {
    if (this.#state !== 'answered' && this.#state !== 'held') {
      return Promise.reject(this.#wrongState(on ? 'held' : 'resumed'));
    }
    return this.#holding.set(on);
  }

  // ---- media ----

  async #answer(sdp: string, from: 'event' | 'snapshot'): Promise<void> {
    try {
      await this.#media.answer(sdp, from);
    } catch (thrown) {
      const error = asCausewayError(thrown, 'media_failed');
      if (this.#ended) return;
      this.#fail(error);
      this.#hangingUp ??= this.#hangUp({ code: 'media_failed', message: error.message, by: 'local' });
    }
  }

  #noPath(error: CausewayError): void {
    if (this.#ended || this.#hangingUp) return;
    this.#fail(error);
    this.emit('callbackOffered', error);
    this.#hangingUp ??= this.#hangUp({ code: 'media_failed', message: error.message, by: 'local' }, 'no_path');
  }

  #mediaGone(everConnected: boolean): void {
    if (this.#ended) return;
    const code = everConnected ? 'media_lost' : 'media_failed';
    const message = everConnected ? 'The audio connection did not come back.' : 'No way for audio was found.';
    this.#fail(new CausewayError(code, message));
    this.#hangingUp ??= this.#hangUp({ code, message, by: 'local' });
  }

  #applyMedia(silent = this.#hangingUp !== undefined): void {
    const held = this.#holding.here || this.#holding.pending || silent;
    this.#media.direct({ audio: !held && !this.#muted, video: !held }, !held);
  }

  /** @internal */
  protected override listenersChanged(event: keyof CallEvents): void {
    if (event === 'volume') this.#media.restartMeters();
  }

  // ---- telling the page ----

  #fail(error: CausewayError): void {
    this.emit('error', error);
    this.#owner.callError(this, error);
  }

  #wrongState(done: string): CausewayError {
    return new CausewayError('wrong_state', `A call in the state "${this.#state}" cannot be ${done}.`);
  }
}
