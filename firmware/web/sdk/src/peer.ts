/** One call's connection to the box: offer, answer, candidates, tracks. The browser always offers. */

import { CausewayError } from './errors';
import type { Log } from './log';
import type { WireCandidate } from './protocol';

/** Which audio codec is offered first. `auto` leaves the browser's order. */
export type CodecPreference = 'auto' | 'opus' | 'pcmu' | 'pcma';

/** @internal */
export interface PeerOptions {
  iceServers: RTCIceServer[];
  iceTransportPolicy: RTCIceTransportPolicy;
  codec: CodecPreference;
  log: Log;
  candidate(candidate: WireCandidate | null): void;
  connection(state: RTCPeerConnectionState): void;
  remoteTrack(stream: MediaStream): void;
  localTrackEnded(kind: 'audio' | 'video'): void;
}

/** @internal */
export class Peer {
  readonly connection: RTCPeerConnection;
  readonly remoteStream: MediaStream;
  localStream: MediaStream | undefined;
  readonly #options: PeerOptions;
  #sending = { audio: true, video: true };
  #receiving = true;
  #appliedAnswer = '';

  constructor(options: PeerOptions, local: MediaStream | undefined, kinds: { audio: boolean; video: boolean }) {
    if (typeof RTCPeerConnection !== 'function') {
      throw new CausewayError('not_supported', 'This browser has no WebRTC.');
    }
    this.#options = options;
    this.localStream = local;
    this.remoteStream = new MediaStream();
    const pc = (this.connection = new RTCPeerConnection({
      iceServers: options.iceServers,
      iceTransportPolicy: options.iceTransportPolicy,
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
    }));
    pc.onicecandidate = (event) => {
      const candidate = event.candidate;
      // An empty string ends one generation, as null ends them all: the box only knows null.
      options.candidate(
        candidate && candidate.candidate !== ''
          ? { candidate: candidate.candidate, sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex }
          : null,
      );
    };
    pc.onconnectionstatechange = () => options.connection(pc.connectionState);
    pc.ontrack = (event) => {
      event.track.enabled = this.#receiving;
      this.remoteStream.addTrack(event.track);
      // A picture that begins in mid-call leaves the sound that plays alone.
      if (event.track.kind === 'audio') options.remoteTrack(this.remoteStream);
    };
    this.#addMedia('audio', local?.getAudioTracks()[0], kinds.audio);
    this.#addMedia('video', local?.getVideoTracks()[0], kinds.video);
  }

  /** Whether an offer of ours has no answer yet. */
  get awaitingAnswer(): boolean {
    return this.connection.signalingState === 'have-local-offer';
  }

  /** Names the servers of the next ICE restart: the credentials the connection began with may be too old by now. */
  useServers(iceServers: RTCIceServer[]): void {
    try {
      this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers });
    } catch (error) {
      this.#options.log.warn('the old ICE servers are kept', error);
    }
  }

  /** Makes and sets an offer; candidates follow by themselves. */
  async offer(iceRestart = false): Promise<string> {
    const pc = this.connection;
    try {
      await pc.setLocalDescription(await pc.createOffer({ iceRestart }));
    } catch (error) {
      throw new CausewayError('media_failed', 'The browser could not make an offer.', { cause: error });
    }
    return pc.localDescription?.sdp ?? '';
  }

  /**
   * Applies the box's answer; one nobody waits for changes nothing. An answer out of a snapshot may
   * be the one applied long ago: then the open offer never arrived.
   */
  async answer(sdp: string, from: 'event' | 'snapshot' = 'event'): Promise<void> {
    if (!this.awaitingAnswer || (from === 'snapshot' && sdp === this.#appliedAnswer)) return;
    try {
      await this.connection.setRemoteDescription({ type: 'answer', sdp });
    } catch (error) {
      throw new CausewayError('media_failed', 'The answer of the box cannot be used.', { cause: error });
    }
    this.#appliedAnswer = sdp;
  }

  /** Forgets an offer that will not be answered. */
  async rollback(): Promise<void> {
    if (this.awaitingAnswer && this.#appliedAnswer !== '') {
      await this.connection.setLocalDescription({ type: 'rollback' });
    }
  }

  /** Whether microphone and camera send. Neither needs the far side or a new offer. */
  setSending(sending: { audio: boolean; video: boolean }): void {
    this.#sending = sending;
    for (const track of this.localStream?.getTracks() ?? []) track.enabled = sending[track.kind === 'video' ? 'video' : 'audio'];
  }

  /** Whether the far side is heard and seen. */
  setReceiving(receiving: boolean): void {
    this.#receiving = receiving;
    for (const track of this.remoteStream.getTracks()) track.enabled = receiving;
  }

  /** Puts another microphone in place without the far side's doing. */
  async replaceAudio(stream: MediaStream): Promise<void> {
    const track = stream.getAudioTracks()[0];
    const sender = this.connection
      .getTransceivers()
      .find((t) => t.receiver.track.kind === 'audio')?.sender;
    if (!track || !sender?.track) {
      throw new CausewayError('wrong_state', 'This call sends no audio that could be replaced.');
    }
    track.enabled = this.#sending.audio;
    await sender.replaceTrack(track);
    this.localStream?.getAudioTracks().forEach((old) => {
      old.onended = null;
      old.stop();
      this.localStream?.removeTrack(old);
    });
    track.onended = () => this.#options.localTrackEnded('audio');
    this.localStream?.addTrack(track);
  }

  /** Whether there is anything of a picture. */
  get hasVideo(): boolean {
    return this.#videoTransceiver !== undefined || (this.localStream?.getVideoTracks().length ?? 0) > 0;
  }

  /** Brings a camera, or with nothing what shows the far side's picture; the next offer tells the box. */
  async beginVideo(camera: MediaStream | undefined): Promise<void> {
    const track = camera?.getVideoTracks()[0];
    if (track) {
      this.darkenVideo();
      track.enabled = this.#sending.video;
      this.localStream ??= new MediaStream();
      this.localStream.addTrack(track);
    }
    const transceiver = this.#videoTransceiver;
    if (!transceiver) return this.#addMedia('video', track, true);
    if (!track || !this.localStream) return;
    track.onended = () => this.#options.localTrackEnded('video');
    await transceiver.sender.replaceTrack(track);
    transceiver.sender.setStreams?.(this.localStream);
    transceiver.direction = 'sendrecv';
  }

  /** Takes the picture away; the next offer tells the box. */
  endVideo(): void {
    this.darkenVideo();
    this.#videoTransceiver?.stop();
    for (const track of this.remoteStream.getVideoTracks()) {
      track.stop();
      this.remoteStream.removeTrack(track);
    }
  }

  /** Turns the camera off for good. */
  darkenVideo(): void {
    for (const track of this.localStream?.getVideoTracks() ?? []) {
      track.onended = null;
      track.stop();
      this.localStream?.removeTrack(track);
    }
  }

  /** One that was stopped, here or by the box's answer, shows nothing any more. */
  get #videoTransceiver(): RTCRtpTransceiver | undefined {
    return this.connection
      .getTransceivers()
      .find((t) => t.receiver.track.kind === 'video' && t.direction !== 'stopped' && t.currentDirection !== 'stopped');
  }

  close(): void {
    const pc = this.connection;
    pc.onicecandidate = pc.onconnectionstatechange = pc.ontrack = null;
    pc.close();
    for (const track of this.localStream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    for (const track of this.remoteStream.getTracks()) track.stop();
  }

  #addMedia(kind: 'audio' | 'video', track: MediaStreamTrack | undefined, wanted: boolean): void {
    if (!track && !wanted) return;
    if (track) track.onended = () => this.#options.localTrackEnded(kind);
    const transceiver = this.connection.addTransceiver(track ?? kind, {
      direction: track ? 'sendrecv' : 'recvonly',
      ...(track && this.localStream ? { streams: [this.localStream] } : undefined),
    });
    if (kind === 'audio') this.#preferCodec(transceiver);
  }

  #preferCodec(transceiver: RTCRtpTransceiver): void {
    const { codec, log } = this.#options;
    if (codec === 'auto') return;
    const codecs = RTCRtpReceiver.getCapabilities?.('audio')?.codecs ?? [];
    const wanted = (c: { mimeType: string }) => c.mimeType.toLowerCase() === `audio/${codec}`;
    if (!codecs.some(wanted) || typeof transceiver.setCodecPreferences !== 'function') {
      log.warn(`this browser cannot put ${codec} first`);
      return;
    }
    // All others stay behind it in their order: the far side may know none but them.
    transceiver.setCodecPreferences([...codecs.filter(wanted), ...codecs.filter((c) => !wanted(c))]);
  }
}
