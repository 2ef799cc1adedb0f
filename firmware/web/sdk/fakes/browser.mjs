// As much of a browser's media as the SDK's state logic touches. No sound, no network.

export class FakeTrack {
  enabled = true;
  readyState = 'live';
  onended = null;
  constructor(kind) {
    this.kind = kind;
  }
  stop() {
    this.readyState = 'ended';
  }
  clone() {
    return new FakeTrack(this.kind);
  }
}

export class FakeStream {
  #tracks;
  constructor(tracks = []) {
    this.#tracks = [...tracks];
  }
  getTracks() {
    return [...this.#tracks];
  }
  getAudioTracks() {
    return this.#tracks.filter((t) => t.kind === 'audio');
  }
  getVideoTracks() {
    return this.#tracks.filter((t) => t.kind === 'video');
  }
  addTrack(track) {
    if (!this.#tracks.includes(track)) this.#tracks.push(track);
  }
  removeTrack(track) {
    this.#tracks = this.#tracks.filter((t) => t !== track);
  }
  clone() {
    return new FakeStream(this.#tracks.map((t) => t.clone()));
  }
}

const CODECS = ['opus', 'red', 'G722', 'PCMU', 'PCMA', 'telephone-event'].map((c) => ({ mimeType: `audio/${c}` }));

export class FakePeerConnection {
  static made = [];
  signalingState = 'stable';
  connectionState = 'new';
  localDescription = null;
  offers = 0;
  answers = [];
  preferences = undefined;
  stats = new Map();
  #transceivers = [];

  constructor(configuration) {
    this.configuration = configuration;
    FakePeerConnection.made.push(this);
  }
  getConfiguration() {
    return this.configuration;
  }
  setConfiguration(configuration) {
    this.configuration = configuration;
  }
  addTransceiver(trackOrKind, init) {
    const sending = typeof trackOrKind === 'object';
    const sender = {
      track: sending ? trackOrKind : null,
      replaceTrack: async (track) => {
        sender.track = track;
      },
    };
    const transceiver = {
      init,
      sender,
      receiver: { track: { kind: sending ? trackOrKind.kind : trackOrKind } },
      direction: init?.direction ?? 'sendrecv',
      stop: () => {
        transceiver.direction = 'stopped';
      },
      setCodecPreferences: (codecs) => {
        this.preferences = codecs.map((c) => c.mimeType);
      },
    };
    this.#transceivers.push(transceiver);
    return transceiver;
  }
  getTransceivers() {
    return this.#transceivers;
  }
  async createOffer({ iceRestart } = {}) {
    this.offers += 1;
    return { type: 'offer', sdp: `offer ${this.offers}${iceRestart ? ' restart' : ''}` };
  }
  async setLocalDescription(description) {
    if (description.type === 'rollback') {
      if (this.signalingState !== 'have-local-offer') throw new Error('nothing to roll back');
      this.signalingState = 'stable';
      return;
    }
    this.localDescription = description;
    this.signalingState = 'have-local-offer';
    this.onicecandidate?.({ candidate: { candidate: `candidate ${this.offers}`, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'u' } });
  }
  async setRemoteDescription({ sdp }) {
    if (this.signalingState !== 'have-local-offer') throw new Error('no offer waits for an answer');
    if (sdp === 'nonsense') throw new Error('cannot be parsed');
    this.answers.push(sdp);
    this.signalingState = 'stable';
    if (this.answers.length === 1) this.ontrack?.({ track: new FakeTrack('audio') });
    const video = this.#transceivers.find((t) => t.receiver.track.kind === 'video' && t.direction !== 'stopped');
    if (video && sdp.includes('no picture')) video.stop();
    else if (video && !video.shown) {
      video.shown = true;
      this.ontrack?.({ track: new FakeTrack('video') });
    }
  }
  async getStats() {
    return this.stats;
  }
  close() {
    this.connectionState = 'closed';
  }
  /** The network's doing. */
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** Puts the fakes where a browser has the real ones. `microphone` may be an error's name. */
export function installBrowser() {
  const browser = { microphone: 'works', asked: [], streams: [] };
  FakePeerConnection.made = [];
  globalThis.MediaStream = FakeStream;
  globalThis.RTCPeerConnection = FakePeerConnection;
  globalThis.RTCRtpReceiver = { getCapabilities: () => ({ codecs: CODECS }) };
  Object.defineProperty(globalThis, 'navigator', {
    configurable: true,
    value: {
      mediaDevices: {
        async getUserMedia(constraints) {
          browser.asked.push(constraints);
          if (browser.microphone !== 'works') {
            throw Object.assign(new Error(browser.microphone), { name: browser.microphone });
          }
          const stream = new FakeStream(Object.keys(constraints).map((kind) => new FakeTrack(kind)));
          browser.streams.push(stream);
          return stream;
        },
      },
    },
  });
  return browser;
}
