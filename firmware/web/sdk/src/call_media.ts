/**
 * A call's media, from microphone to loudspeaker: the connection to the box and what keeps it
 * going, the candidates, the figures and the loudness. It knows no call states; the call tells it
 * when to send and hear, and it tells the call what became of the media.
 */

import { CausewayError } from './errors';
import { FlowWatch } from './flow';
import { LevelMeter } from './levels';
import type { Log } from './log';
import { AudioOutput, capture, stopTracks } from './media';
import type { AudioSource } from './media';
import { QualityMonitor } from './monitor';
import type { CallWarning } from './monitor';
import { OutputStart } from './output_start';
import { PathWatch } from './path';
import { Peer } from './peer';
import type { CodecPreference } from './peer';
import type { WireCandidate } from './protocol';
import { MediaRecovery } from './recovery';
import { reportOf, summarize } from './stats';
import type { CallStats } from './stats';

const CANDIDATE_LIMIT = 64;
const VOLUME_INTERVAL_MS = 100;
/** The box answers an offer at once. */
const ANSWER_PATIENCE_MS = 5_000;

/** What the device was told about media. @internal */
export interface MediaSettings {
  readonly log: Log;
  readonly codec: CodecPreference;
  readonly audioConstraints: MediaTrackConstraints | undefined;
  readonly iceTransportPolicy: RTCIceTransportPolicy;
  readonly outputDeviceId: string | undefined;
  iceServers(): RTCIceServer[];
}

/** @internal */
export interface CallMediaOwner {
  sendCandidate(candidate: WireCandidate | null): void;
  sendReport(stats: Record<string, number | string>): void;
  /** Sends the offer of an ICE restart. */
  sendRestart(sdp: string): Promise<void>;
  canRestart(): boolean;
  mediaLost(lost: boolean): void;
  mediaGone(everConnected: boolean): void;
  /** There is no way to the box, and none can be expected. */
  noPath(error: CausewayError): void;
  /** Sound stopped coming: signalling may be as dead. */
  stalled(): void;
  warn(warning: CallWarning): void;
  clearWarning(code: string): void;
  failed(error: CausewayError): void;
  /** Sound that the browser had blocked is heard. */
  soundBegan(): void;
  /** Whether anyone holds the call. */
  held(): boolean;
  wantsVolume(): boolean;
  volume(input: number, output: number): void;
}

/** @internal */
export class CallMedia {
  peer: Peer | undefined;
  readonly #settings: MediaSettings;
  readonly #owner: CallMediaOwner;
  readonly #output: AudioOutput;
  readonly #outputStart = new OutputStart();
  readonly #recovery: MediaRecovery;
  #monitor: QualityMonitor | undefined;
  #flow: FlowWatch | undefined;
  #path: PathWatch | undefined;
  /** Gathered before the box knows the call; afterwards nothing, for each goes out at once. */
  #candidates: (WireCandidate | null)[] | undefined = [];
  #sending = { audio: true, video: true };
  #receiving = true;
  #meters: { input: LevelMeter | undefined; output: LevelMeter | undefined } | undefined;
  #volumeTimer: ReturnType<typeof setInterval> | undefined;
  /** Who waits for the next answer. */
  #answered: (() => void)[] = [];

  constructor(settings: MediaSettings, owner: CallMediaOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#output = new AudioOutput(
      settings.outputDeviceId,
      (error) => owner.failed(error),
      () => owner.soundBegan(),
    );
    this.#recovery = new MediaRecovery({
      mediaDoubtful: () => owner.warn({ code: 'media_interrupted', message: 'The audio connection is interrupted.' }),
      mediaLost: () => owner.mediaLost(true),
      mediaBack: () => {
        owner.clearWarning('media_interrupted');
        owner.mediaLost(false);
      },
      canRestart: () => this.peer !== undefined && owner.canRestart(),
      restart: () => this.#restart(),
      gaveUp: (everConnected) => owner.mediaGone(everConnected),
    });
    this.#outputStart.open();
  }

  /** Opens the connection with what the call sends, and makes its offer. */
  async start(local: MediaStream | undefined, video: boolean): Promise<string> {
    const { iceServers, iceTransportPolicy, codec, log } = this.#settings;
    this.#candidates = [];
    this.#outputStart.open();
    try {
      this.peer = new Peer(
        {
          iceServers: iceServers(),
          iceTransportPolicy,
          codec,
          log,
          candidate: (candidate) => this.#candidate(candidate),
          connection: (state) => {
            if (state === 'connected') this.#path?.close();
            this.#recovery.connectionChanged(state);
          },
          remoteTrack: (stream) => {
            this.#output.play(stream);
            this.restartMeters();
          },
          localTrackEnded: (kind) =>
            this.#owner.warn(
              kind === 'audio'
                ? { code: 'mic_ended', message: 'The microphone was unplugged or taken away.' }
                : { code: 'camera_ended', message: 'The camera was unplugged or taken away.' },
            ),
        },
        local,
        { audio: true, video },
      );
    } catch (error) {
      stopTracks(local);
      throw error;
    }
    this.#path = new PathWatch(this.peer.connection, (error) => this.#owner.noPath(error));
    this.#apply();
    return this.peer.offer();
  }

  /** The box knows the call: what was gathered goes out, and so does all that follows. */
  releaseCandidates(): void {
    const gathered = this.#candidates ?? [];
    this.#candidates = undefined;
    for (const candidate of gathered) this.#candidate(candidate);
  }

  /** Applies the box's answer; rejects with `media_failed`. From then on media is expected and watched. */
  async answer(sdp: string, from: 'event' | 'snapshot'): Promise<void> {
    const peer = this.peer;
    if (!peer) return;
    await peer.answer(sdp, from);
    if (this.peer !== peer) return; // closed meanwhile
    for (const resolve of this.#answered.splice(0)) resolve();
    this.#recovery.expectMedia();
    this.#recovery.answered();
    this.#path?.begin();
    this.#flow ??= new FlowWatch({
      connection: () => this.peer?.connection,
      expected: () => this.#receiving && !this.#owner.held(),
      stalled: () => {
        this.#owner.stalled();
        this.#recovery.stalled();
      },
      alive: () => this.#recovery.alive(this.peer?.connection.connectionState),
    });
    this.#flow.sought();
    this.#monitor ??= new QualityMonitor({
      stats: () => this.stats(),
      report: (stats) => this.#owner.sendReport(reportOf(stats)),
      warn: (warning) => this.#owner.warn(warning),
      clear: (code) => this.#owner.clearWarning(code),
    });
  }

  /** What is sent and whether the far side is heard, now and for tracks to come. */
  direct(sending: { audio: boolean; video: boolean }, receiving: boolean): void {
    this.#sending = sending;
    this.#receiving = receiving;
    this.#apply();
  }

  /** The browser is in another network. */
  moved(): void {
    this.#recovery.moved();
  }

  /** Signalling is back after a drop. */
  signalingBack(): void {
    this.#recovery.signalingBack();
  }

  async stats(): Promise<CallStats> {
    if (!this.peer) throw new CausewayError('wrong_state', 'The call has no media that could be measured.');
    return summarize(await this.peer.connection.getStats());
  }

  /** The last figures before the end, so that short calls are on record too. */
  async lastReport(): Promise<void> {
    await this.#monitor?.sample();
  }

  /** Another microphone, without a new offer. */
  async setInput(audio: AudioSource): Promise<void> {
    const stream = await capture({ audio, video: false, defaults: this.#settings.audioConstraints });
    try {
      if (!this.peer || !stream) throw new CausewayError('wrong_state', 'The call has no microphone to replace.');
      await this.peer.replaceAudio(stream);
    } catch (error) {
      stopTracks(stream);
      throw error;
    }
    this.#owner.clearWarning('mic_ended');
    this.restartMeters();
  }

  setOutput(deviceId: string): Promise<void> {
    return this.#output.setSink(deviceId);
  }

  setVolume(volume: number): void {
    this.#output.setVolume(Math.min(1, Math.max(0, volume)));
  }

  /** Closes what `start` opened; it may be started again. */
  stop(): void {
    for (const resolve of this.#answered.splice(0)) resolve();
    this.#monitor?.close();
    this.#monitor = undefined;
    this.#flow?.close();
    this.#flow = undefined;
    this.#path?.close();
    this.#path = undefined;
    this.#stopMeters();
    this.#output.close();
    this.#outputStart.close();
    this.peer?.close();
    this.peer = undefined;
  }

  /** Stops for good. */
  close(): void {
    this.stop();
    this.#recovery.close();
  }

  /** Measures loudness as long as someone wants it. */
  restartMeters(): void {
    this.#stopMeters();
    const peer = this.peer;
    if (!peer || !this.#owner.wantsVolume() || typeof AudioContext !== 'function') return;
    const meter = (stream: MediaStream | undefined) =>
      stream && stream.getAudioTracks().length > 0 ? new LevelMeter(stream) : undefined;
    const meters = (this.#meters = { input: meter(peer.localStream), output: meter(peer.remoteStream) });
    this.#volumeTimer = setInterval(
      () => this.#owner.volume(meters.input?.level ?? 0, meters.output?.level ?? 0),
      VOLUME_INTERVAL_MS,
    );
  }

  #stopMeters(): void {
    clearInterval(this.#volumeTimer);
    this.#meters?.input?.close();
    this.#meters?.output?.close();
    this.#meters = undefined;
  }

  #apply(): void {
    this.peer?.setSending(this.#sending);
    this.peer?.setReceiving(this.#receiving);
  }

  #candidate(candidate: WireCandidate | null): void {
    if (candidate) this.#path?.candidate(candidate.candidate);
    if (!this.#candidates) this.#owner.sendCandidate(candidate);
    else if (this.#candidates.length < CANDIDATE_LIMIT) this.#candidates.push(candidate);
  }

  /** The box speaks another codec: an offer on the connection as it is, whose answer names it first. */
  renegotiate(): void {
    const peer = this.peer;
    if (!peer || peer.awaitingAnswer || !this.#owner.canRestart()) return;
    peer
      .offer()
      .then((sdp) => this.#owner.sendRestart(sdp))
      .catch(async (error: unknown) => {
        // The old codec is understood as well: nothing is lost.
        this.#settings.log.warn('the codec stays as it is', error);
        if ((error as CausewayError).code !== 'connection_lost') await peer.rollback();
      });
  }

  /** Whether there is anything of a picture. */
  get hasVideo(): boolean {
    return this.peer?.hasVideo ?? false;
  }

  /** Brings a camera, or with nothing what shows the far side's picture. The sound goes on. */
  async beginVideo(camera: MediaStream | undefined): Promise<void> {
    const peer = this.#standing();
    await peer.beginVideo(camera);
    try {
      await this.#negotiate(peer);
    } catch (error) {
      peer.endVideo();
      throw error;
    }
    if (this.peer === peer && !peer.hasVideo) {
      throw new CausewayError('refused', 'The box has not taken the picture.');
    }
  }

  /** Takes the picture away. The sound goes on. */
  async endVideo(): Promise<void> {
    const peer = this.#standing();
    peer.endVideo();
    await this.#negotiate(peer);
  }

  /** Turns the camera off at once. */
  darkenVideo(): void {
    this.peer?.darkenVideo();
  }

  #standing(): Peer {
    if (!this.peer) throw new CausewayError('wrong_state', 'The call has no media that could have a picture.');
    return this.peer;
  }

  /** An offer on the connection as it is; resolves when its answer is in use. */
  async #negotiate(peer: Peer): Promise<void> {
    // Another offer may be under way: an ICE restart, a change of codec.
    if (peer.awaitingAnswer) await this.#nextAnswer();
    const sdp = await peer.offer();
    const answer = this.#nextAnswer();
    try {
      await this.#owner.sendRestart(sdp);
    } catch (error) {
      // With the connection lost the box may have taken the offer: the snapshot tells.
      if ((error as CausewayError).code !== 'connection_lost') await peer.rollback();
      throw error;
    }
    await answer;
  }

  /** Resolves when no offer of ours is open. */
  async whenAnswered(): Promise<void> {
    if (this.peer?.awaitingAnswer) await this.#nextAnswer();
  }

  /** The next answer, however long ago its offer was; gives up where none comes. */
  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ANSWER_PATIENCE_MS);
      this.#answered.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async #restart(): Promise<void> {
    const peer = this.peer;
    if (!peer) return;
    await peer.rollback();
    peer.useServers(this.#settings.iceServers());
    const sdp = await peer.offer(true);
    try {
      await this.#owner.sendRestart(sdp);
    } catch (error) {
      // With the connection lost the box may have taken the offer: the snapshot tells.
      if ((error as CausewayError).code !== 'connection_lost') await peer.rollback();
      this.#settings.log.warn('ICE restart failed', error);
      throw error;
    }
  }
}
