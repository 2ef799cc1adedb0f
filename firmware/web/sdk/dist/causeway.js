// Causeway SDK 0.1.0. SPDX-License-Identifier: Apache-2.0 OR MIT
// src/errors.ts
var CausewayError = class extends Error {
  constructor(code, message, extra = {}) {
    super(message, extra.cause === void 0 ? void 0 : { cause: extra.cause });
    this.name = "CausewayError";
    this.code = code;
    this.sip = extra.sip;
  }
};
function asCausewayError(error, code) {
  if (error instanceof CausewayError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CausewayError(code, message, { cause: error });
}

// src/call_arguments.ts
var DIGITS = /^[0-9A-Da-d*#,]{1,64}$/;
function digitsFault(digits, duration, gap) {
  if (!DIGITS.test(digits)) return new CausewayError("invalid_argument", "Digits are 1 to 64 of 0-9, A-D, *, # and comma.");
  if (duration >= 40 && duration <= 2e3 && gap >= 30 && gap <= 2e3) return void 0;
  return new CausewayError("invalid_argument", "A tone lasts 40 to 2000 ms, a gap 30 to 2000 ms.");
}
function transferTarget(target) {
  if (typeof target === "string") {
    const to = target.trim();
    if (to !== "" && to.length <= 255) return { to };
    throw new CausewayError("invalid_argument", "A transfer needs a number: 1 to 255 characters.");
  }
  const other = target?.with;
  if (typeof other === "string" && other !== "") return { with: other };
  throw new CausewayError("invalid_argument", "A transfer needs a number or another call of this device.");
}

// src/call_ending.ts
var HANGUP_PATIENCE_MS = 2e3;
var LAST_FIGURES_MS = 150;
function ended() {
  return new CausewayError("call_ended", "The call is over.");
}
function localCause(answered) {
  return answered ? { code: "hangup", message: "The call was ended here.", by: "local" } : { code: "cancelled", message: "The call was given up here.", by: "local" };
}
function delay(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// src/flow.ts
var LOOK_MS = 250;
var STALLED_MS = 750;
var FlowWatch = class {
  #owner;
  #timer;
  #last = 0;
  #changed = 0;
  #stalled = false;
  #flowing = false;
  /** Nobody sends, and the path is there. */
  #stands = false;
  #responses;
  constructor(owner) {
    this.#owner = owner;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }
  close() {
    clearInterval(this.#timer);
  }
  /** A path is sought anew: what its checks said before counts no more. */
  sought() {
    this.#responses = void 0;
    this.#stands = false;
  }
  #look() {
    const connection2 = this.#owner.connection();
    const receivers = connection2?.getReceivers?.() ?? [];
    let last = 0;
    for (const receiver of receivers) {
      for (const source of receiver.getSynchronizationSources?.() ?? []) last = Math.max(last, source.timestamp);
    }
    const now = Date.now();
    if (last !== this.#last) {
      this.#last = last;
      this.#changed = now;
      this.#stalled = false;
      if (this.#flowing) this.#owner.alive();
      this.#flowing = true;
      return;
    }
    this.#flowing = false;
    if (!this.#owner.expected()) {
      this.#changed = now;
    } else if (this.#stalled) {
      if (!this.#stands) void this.#ask(connection2);
    } else if (this.#last > 0 && now - this.#changed >= STALLED_MS) {
      this.#stalled = true;
      this.#stands = false;
      this.#responses = void 0;
      this.#owner.stalled();
    }
  }
  /** Whether checks are answered though nothing is heard. */
  async #ask(connection2) {
    let responses = 0;
    try {
      const report2 = await connection2?.getStats();
      report2?.forEach((stats) => {
        if (stats.type === "candidate-pair") responses += stats.responsesReceived ?? 0;
      });
    } catch {
      return;
    }
    if (this.#responses !== void 0 && responses > this.#responses && this.#stalled) {
      this.#stands = true;
      this.#owner.alive();
    }
    this.#responses = responses;
  }
};

// src/levels.ts
var shared;
var LevelMeter = class {
  #context;
  #source;
  #analyser;
  #samples;
  /** All meters of a page share one AudioContext unless one is given. */
  constructor(stream, context) {
    this.#context = context ?? (shared ??= new AudioContext());
    resumeAtGesture(this.#context);
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
  }
  /** Root mean square of the last 20 ms or so, 0…1. */
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }
  /** The same in decibels below full scale, −100…0. */
  get decibels() {
    return Math.max(-100, 20 * Math.log10(this.level || 1e-5));
  }
  /** Lets go of the stream. */
  close() {
    this.#source.disconnect();
    this.#analyser.disconnect();
  }
};
function resumeAtGesture(context) {
  const resume = () => {
    if (context.state === "suspended") context.resume().catch(() => void 0);
  };
  resume();
  for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, resume, { once: true, capture: true });
}

// src/media.ts
var SPEECH = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
async function capture(request) {
  const { audio, video } = request;
  if (typeof MediaStream === "function" && audio instanceof MediaStream) return audio.clone();
  const constraints = {};
  if (audio !== false) {
    const own = isStreamConstraints(audio) ? audio.audio : audio;
    if (own !== false) {
      constraints.audio = { ...SPEECH, ...request.defaults, ...typeof own === "object" ? own : void 0 };
    }
    if (isStreamConstraints(audio) && audio.video !== void 0) constraints.video = audio.video;
  }
  if (video !== false) constraints.video = video;
  if (!constraints.audio && !constraints.video) return void 0;
  const devices = globalThis.navigator?.mediaDevices;
  if (!devices?.getUserMedia) {
    throw new CausewayError("not_supported", "The microphone needs a page served over HTTPS and a browser with WebRTC.");
  }
  try {
    return await devices.getUserMedia(constraints);
  } catch (error) {
    throw captureError(error, constraints.audio ? "mic" : "camera");
  }
}
function isStreamConstraints(source) {
  return typeof source === "object" && ("audio" in source || "video" in source);
}
function captureError(error, device) {
  const thing = device === "mic" ? "microphone" : "camera";
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return new CausewayError(`${device}_denied`, `The use of the ${thing} was not allowed.`, { cause: error });
    case "NotFoundError":
    case "OverconstrainedError":
      return new CausewayError(`${device}_missing`, `No ${thing} was found that fits.`, { cause: error });
    case "NotReadableError":
    case "AbortError":
      return new CausewayError(`${device}_busy`, `The ${thing} is in use or cannot be opened.`, { cause: error });
    case "TypeError":
      return new CausewayError("invalid_argument", `The constraints for the ${thing} cannot be used.`, { cause: error });
    default:
      return asCausewayError(error, `${device}_missing`);
  }
}
function stopTracks(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
var GESTURES = ["pointerdown", "keydown", "touchend", "click"];
var AudioOutput = class {
  #element;
  #volume = 1;
  #sinkId;
  #retrying = false;
  #failed;
  #unblocked;
  /** `unblocked` is told when sound begins that `autoplay_blocked` was told of. */
  constructor(sinkId, failed, unblocked) {
    this.#sinkId = sinkId;
    this.#failed = failed;
    this.#unblocked = unblocked;
  }
  play(stream) {
    if (typeof Audio !== "function") return;
    const element = this.#element ??= new Audio();
    element.autoplay = true;
    element.volume = this.#volume;
    element.srcObject = stream;
    if (this.#sinkId !== void 0) this.setSink(this.#sinkId).catch((error) => this.#failed(error));
    this.#start();
  }
  /** 0 (silent) to 1. */
  setVolume(volume) {
    this.#volume = volume;
    if (this.#element) this.#element.volume = volume;
  }
  /** Chooses the loudspeaker by its device id; '' is the default one. Rejects with `output_failed`. */
  async setSink(id) {
    this.#sinkId = id;
    const element = this.#element;
    if (!element) return;
    if (typeof element.setSinkId !== "function") {
      throw new CausewayError("not_supported", "This browser cannot choose the loudspeaker.");
    }
    try {
      await element.setSinkId(id);
    } catch (error) {
      throw new CausewayError("output_failed", "The loudspeaker cannot be used.", { cause: error });
    }
  }
  close() {
    this.#stopRetrying();
    if (!this.#element) return;
    this.#element.pause();
    this.#element.srcObject = null;
    this.#element = void 0;
  }
  #start() {
    const element = this.#element;
    element?.play().then(
      () => {
        if (element !== this.#element || !this.#retrying) return;
        this.#stopRetrying();
        this.#unblocked();
      },
      (error) => {
        if (element !== this.#element || error.name !== "NotAllowedError") return;
        if (this.#retrying) return;
        this.#retrying = true;
        for (const gesture of GESTURES) document.addEventListener(gesture, this.#retry, { capture: true });
        this.#failed(
          new CausewayError("autoplay_blocked", "The browser plays no sound before the user touches the page.", {
            cause: error
          })
        );
      }
    );
  }
  #retry = () => this.#start();
  #stopRetrying() {
    if (!this.#retrying) return;
    this.#retrying = false;
    for (const gesture of GESTURES) document.removeEventListener(gesture, this.#retry, { capture: true });
  }
};

// src/monitor.ts
var INTERVAL_MS = 5e3;
var RULES = [
  { code: "high_loss", message: "Many audio packets are lost.", raise: 0.05, clear: 0.02, value: (s) => s.loss },
  { code: "high_jitter", message: "Audio packets arrive unevenly.", raise: 60, clear: 30, value: (s) => s.stats.jitterMs },
  { code: "high_rtt", message: "The way to the box and back is long.", raise: 500, clear: 350, value: (s) => s.stats.rttMs }
];
var QualityMonitor = class {
  #owner;
  #timer;
  #raised = /* @__PURE__ */ new Set();
  #last;
  #busy = false;
  constructor(owner) {
    this.#owner = owner;
    this.#timer = setInterval(() => void this.sample(), INTERVAL_MS);
  }
  /** One look; also taken just before a call ends, so that short calls are on record too. */
  async sample() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const stats = await this.#owner.stats();
      this.#judge({ stats, loss: this.#loss(stats) });
      this.#last = stats;
      this.#owner.report(stats);
    } catch {
    } finally {
      this.#busy = false;
    }
  }
  close() {
    clearInterval(this.#timer);
  }
  #loss(now) {
    if (!this.#last) return void 0;
    const lost = now.packetsLost - this.#last.packetsLost;
    const all = now.packetsReceived - this.#last.packetsReceived + lost;
    return all >= 20 ? Math.max(0, lost / all) : void 0;
  }
  #judge(sample) {
    for (const { code, message, raise, clear, value } of RULES) {
      const v = value(sample);
      if (v === void 0) continue;
      if (v > raise && !this.#raised.has(code)) {
        this.#raised.add(code);
        this.#owner.warn({ code, message });
      } else if (v < clear && this.#raised.delete(code)) {
        this.#owner.clear(code);
      }
    }
  }
};

// src/output_start.ts
var OutputStart = class {
  #context;
  /** Plays silence from now on. Before a user's first touch browsers would refuse, and this does nothing. */
  open() {
    if (this.#context || typeof AudioContext !== "function") return;
    if (globalThis.navigator?.userActivation?.hasBeenActive === false) return;
    let context;
    try {
      context = this.#context = new AudioContext();
    } catch {
      return;
    }
    const silence = context.createConstantSource();
    silence.offset.value = 0;
    silence.connect(context.destination);
    silence.start();
    context.resume().catch(() => void 0);
  }
  close() {
    this.#context?.close().catch(() => void 0);
    this.#context = void 0;
  }
};

// src/path.ts
var NO_RELAY_MS = 4e3;
var SILENT_RELAY_MS = 8e3;
var LOOK_MS2 = 250;
var ELSEWHERE = "Another network, such as a mobile phone’s, may let it through.";
var PathWatch = class {
  #connection;
  #noPath;
  #relayed = false;
  #timer;
  #closed = false;
  constructor(connection2, noPath) {
    this.#connection = connection2;
    this.#noPath = noPath;
  }
  /** The browser has found an address of its own. */
  candidate(line) {
    if (/ typ relay\b/.test(line)) this.#relayed = true;
  }
  /** The box has answered: from now on there must be a way. */
  begin() {
    if (this.#closed) return;
    const since = Date.now();
    this.#timer ??= setInterval(() => {
      const { iceConnectionState, connectionState } = this.#connection;
      if (iceConnectionState === "connected" || iceConnectionState === "completed" || connectionState === "connected") {
        this.close();
      } else if (Date.now() - since >= (this.#relayed ? SILENT_RELAY_MS : NO_RELAY_MS)) {
        this.close();
        this.#noPath(new CausewayError("no_path", this.#words()));
      }
    }, LOOK_MS2);
  }
  close() {
    this.#closed = true;
    clearInterval(this.#timer);
  }
  #words() {
    const servers = this.#connection.getConfiguration().iceServers ?? [];
    if (this.#relayed) return `No way for sound: nothing passes from the relay to the box. ${ELSEWHERE}`;
    const tcp = / tcptype passive\b/.test(this.#connection.currentRemoteDescription?.sdp ?? "");
    if (servers.length > 0) {
      return `No way for sound: this network lets neither UDP nor the box's relay over TCP and TLS through. ${ELSEWHERE}`;
    }
    return tcp ? `No way for sound: this network lets neither UDP nor TCP to the box through. ${ELSEWHERE}` : `No way for sound: this network lets no UDP through, and the box has no relay. ${ELSEWHERE}`;
  }
};

// src/peer.ts
var Peer = class {
  #options;
  #sending = { audio: true, video: true };
  #receiving = true;
  #appliedAnswer = "";
  constructor(options, local, kinds) {
    if (typeof RTCPeerConnection !== "function") {
      throw new CausewayError("not_supported", "This browser has no WebRTC.");
    }
    this.#options = options;
    this.localStream = local;
    this.remoteStream = new MediaStream();
    const pc = this.connection = new RTCPeerConnection({
      iceServers: options.iceServers,
      iceTransportPolicy: options.iceTransportPolicy,
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require"
    });
    pc.onicecandidate = (event) => {
      const candidate = event.candidate;
      options.candidate(
        candidate && candidate.candidate !== "" ? { candidate: candidate.candidate, sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex } : null
      );
    };
    pc.onconnectionstatechange = () => options.connection(pc.connectionState);
    pc.ontrack = (event) => {
      event.track.enabled = this.#receiving;
      this.remoteStream.addTrack(event.track);
      if (event.track.kind === "audio") options.remoteTrack(this.remoteStream);
    };
    this.#addMedia("audio", local?.getAudioTracks()[0], kinds.audio);
    this.#addMedia("video", local?.getVideoTracks()[0], kinds.video);
  }
  /** Whether an offer of ours has no answer yet. */
  get awaitingAnswer() {
    return this.connection.signalingState === "have-local-offer";
  }
  /** Names the servers of the next ICE restart: the credentials the connection began with may be too old by now. */
  useServers(iceServers) {
    try {
      this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers });
    } catch (error) {
      this.#options.log.warn("the old ICE servers are kept", error);
    }
  }
  /** Makes and sets an offer; candidates follow by themselves. */
  async offer(iceRestart = false) {
    const pc = this.connection;
    try {
      await pc.setLocalDescription(await pc.createOffer({ iceRestart }));
    } catch (error) {
      throw new CausewayError("media_failed", "The browser could not make an offer.", { cause: error });
    }
    return pc.localDescription?.sdp ?? "";
  }
  /**
   * Applies the box's answer; one nobody waits for changes nothing. An answer out of a snapshot may
   * be the one applied long ago: then the open offer never arrived.
   */
  async answer(sdp, from = "event") {
    if (!this.awaitingAnswer || from === "snapshot" && sdp === this.#appliedAnswer) return;
    try {
      await this.connection.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      throw new CausewayError("media_failed", "The answer of the box cannot be used.", { cause: error });
    }
    this.#appliedAnswer = sdp;
  }
  /** Forgets an offer that will not be answered. */
  async rollback() {
    if (this.awaitingAnswer && this.#appliedAnswer !== "") {
      await this.connection.setLocalDescription({ type: "rollback" });
    }
  }
  /** Whether microphone and camera send. Neither needs the far side or a new offer. */
  setSending(sending) {
    this.#sending = sending;
    for (const track of this.localStream?.getTracks() ?? []) track.enabled = sending[track.kind === "video" ? "video" : "audio"];
  }
  /** Whether the far side is heard and seen. */
  setReceiving(receiving) {
    this.#receiving = receiving;
    for (const track of this.remoteStream.getTracks()) track.enabled = receiving;
  }
  /** Puts another microphone in place without the far side's doing. */
  async replaceAudio(stream) {
    const track = stream.getAudioTracks()[0];
    const sender = this.connection.getTransceivers().find((t) => t.receiver.track.kind === "audio")?.sender;
    if (!track || !sender?.track) {
      throw new CausewayError("wrong_state", "This call sends no audio that could be replaced.");
    }
    track.enabled = this.#sending.audio;
    await sender.replaceTrack(track);
    this.localStream?.getAudioTracks().forEach((old) => {
      old.onended = null;
      old.stop();
      this.localStream?.removeTrack(old);
    });
    track.onended = () => this.#options.localTrackEnded("audio");
    this.localStream?.addTrack(track);
  }
  /** Whether there is anything of a picture. */
  get hasVideo() {
    return this.#videoTransceiver !== void 0 || (this.localStream?.getVideoTracks().length ?? 0) > 0;
  }
  /** Brings a camera, or with nothing what shows the far side's picture; the next offer tells the box. */
  async beginVideo(camera) {
    const track = camera?.getVideoTracks()[0];
    if (track) {
      this.darkenVideo();
      track.enabled = this.#sending.video;
      this.localStream ??= new MediaStream();
      this.localStream.addTrack(track);
    }
    const transceiver = this.#videoTransceiver;
    if (!transceiver) return this.#addMedia("video", track, true);
    if (!track || !this.localStream) return;
    track.onended = () => this.#options.localTrackEnded("video");
    await transceiver.sender.replaceTrack(track);
    transceiver.sender.setStreams?.(this.localStream);
    transceiver.direction = "sendrecv";
  }
  /** Takes the picture away; the next offer tells the box. */
  endVideo() {
    this.darkenVideo();
    this.#videoTransceiver?.stop();
    for (const track of this.remoteStream.getVideoTracks()) {
      track.stop();
      this.remoteStream.removeTrack(track);
    }
  }
  /** Turns the camera off for good. */
  darkenVideo() {
    for (const track of this.localStream?.getVideoTracks() ?? []) {
      track.onended = null;
      track.stop();
      this.localStream?.removeTrack(track);
    }
  }
  /** One that was stopped, here or by the box's answer, shows nothing any more. */
  get #videoTransceiver() {
    return this.connection.getTransceivers().find((t) => t.receiver.track.kind === "video" && t.direction !== "stopped" && t.currentDirection !== "stopped");
  }
  close() {
    const pc = this.connection;
    pc.onicecandidate = pc.onconnectionstatechange = pc.ontrack = null;
    pc.close();
    for (const track of this.localStream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    for (const track of this.remoteStream.getTracks()) track.stop();
  }
  #addMedia(kind, track, wanted) {
    if (!track && !wanted) return;
    if (track) track.onended = () => this.#options.localTrackEnded(kind);
    const transceiver = this.connection.addTransceiver(track ?? kind, {
      direction: track ? "sendrecv" : "recvonly",
      ...track && this.localStream ? { streams: [this.localStream] } : void 0
    });
    if (kind === "audio") this.#preferCodec(transceiver);
  }
  #preferCodec(transceiver) {
    const { codec, log } = this.#options;
    if (codec === "auto") return;
    const codecs = RTCRtpReceiver.getCapabilities?.("audio")?.codecs ?? [];
    const wanted = (c) => c.mimeType.toLowerCase() === `audio/${codec}`;
    if (!codecs.some(wanted) || typeof transceiver.setCodecPreferences !== "function") {
      log.warn(`this browser cannot put ${codec} first`);
      return;
    }
    transceiver.setCodecPreferences([...codecs.filter(wanted), ...codecs.filter((c) => !wanted(c))]);
  }
};

// src/recovery.ts
var DOUBT_MS = 2e3;
var AGAIN_MS = 6e3;
var LIMIT_MS = 3e4;
var DISCREET_MS = 1500;
var GAP_MS = 1500;
var MediaRecovery = class {
  constructor(owner) {
    this.state = "starting";
    this.#lastRestart = -Infinity;
    this.#everConnected = false;
    this.#answered = false;
    this.#owner = owner;
  }
  #owner;
  #timer;
  #limit;
  #discreet;
  #lastRestart;
  #everConnected;
  #answered;
  /** The answer is applied: from now on media has to come. */
  expectMedia() {
    if (this.state === "starting") this.#startLimit();
  }
  connectionChanged(connection2) {
    if (this.state === "closed") return;
    if (connection2 === "connected") this.#connected();
    else if (connection2 === "failed") this.#restarting();
    else if (connection2 === "disconnected" && this.state === "steady") {
      this.state = "doubtful";
      this.#owner.mediaDoubtful();
      this.#after(DOUBT_MS, () => this.#restarting());
    }
  }
  /** Signalling is back; what could not be sent is sent now. */
  signalingBack() {
    if (this.state === "doubtful" || this.state === "restarting") {
      this.#lastRestart = -Infinity;
      this.#restarting();
    }
  }
  /** No sound comes any more. */
  stalled() {
    if (this.state === "steady" || this.state === "doubtful") this.#restarting(true);
  }
  /** The browser is in another network. */
  moved() {
    if (this.state === "steady" || this.state === "doubtful" || this.state === "restarting") this.#restarting();
  }
  /** The restart was answered. */
  answered() {
    this.#answered = true;
  }
  /** Sound or an answered check has come through. */
  alive(connection2) {
    if (this.state === "restarting" && this.#answered && connection2 === "connected") this.#connected();
  }
  close() {
    this.state = "closed";
    clearTimeout(this.#timer);
    clearTimeout(this.#limit);
    clearTimeout(this.#discreet);
  }
  #connected() {
    const was = this.state;
    this.#everConnected = true;
    this.state = "steady";
    clearTimeout(this.#timer);
    clearTimeout(this.#limit);
    clearTimeout(this.#discreet);
    this.#limit = void 0;
    if (was === "doubtful" || was === "restarting") this.#owner.mediaBack();
  }
  #restarting(discreet = false) {
    if (this.state === "closed") return;
    if (this.state !== "restarting") {
      this.state = "restarting";
      this.#startLimit();
      if (discreet) this.#discreet = setTimeout(() => this.#owner.mediaLost(), DISCREET_MS);
      else this.#owner.mediaLost();
    }
    const wait = this.#lastRestart + GAP_MS - Date.now();
    if (wait > 0) this.#after(wait, () => this.#restarting());
    else this.#restart();
  }
  #restart() {
    this.#after(AGAIN_MS, () => this.#restarting());
    if (!this.#owner.canRestart()) return;
    this.#lastRestart = Date.now();
    this.#answered = false;
    this.#owner.restart().catch(() => void 0);
  }
  #startLimit() {
    this.#limit ??= setTimeout(() => this.#owner.gaveUp(this.#everConnected), LIMIT_MS);
  }
  #after(ms, run) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
  }
};

// src/stats.ts
function summarize(report2) {
  const all = /* @__PURE__ */ new Map();
  report2.forEach((entry) => all.set(String(entry["id"]), entry));
  const find = (type, test = (e) => e["kind"] === "audio") => [...all.values()].find((e) => e["type"] === type && test(e));
  const outbound = find("outbound-rtp");
  const inbound = find("inbound-rtp");
  const remote = find("remote-inbound-rtp");
  const transport = find("transport", (e) => e["selectedCandidatePairId"] !== void 0);
  const pair = all.get(String(transport?.["selectedCandidatePairId"])) ?? find("candidate-pair", (e) => e["selected"] === true) ?? find("candidate-pair", (e) => e["nominated"] === true && e["state"] === "succeeded");
  const codec = all.get(String((outbound ?? inbound)?.["codecId"]));
  const rtt = number(remote?.["roundTripTime"]) ?? number(pair?.["currentRoundTripTime"]);
  const jitter = number(inbound?.["jitter"]);
  const mime = codec?.["mimeType"];
  return {
    codec: typeof mime === "string" ? mime.replace(/^audio\//, "") : void 0,
    path: pathOf(all.get(String(pair?.["localCandidateId"]))),
    packetsSent: number(outbound?.["packetsSent"]) ?? 0,
    bytesSent: number(outbound?.["bytesSent"]) ?? 0,
    packetsReceived: number(inbound?.["packetsReceived"]) ?? 0,
    bytesReceived: number(inbound?.["bytesReceived"]) ?? 0,
    packetsLost: number(inbound?.["packetsLost"]) ?? 0,
    remotePacketsLost: number(remote?.["packetsLost"]),
    jitterMs: jitter === void 0 ? void 0 : jitter * 1e3,
    rttMs: rtt === void 0 ? void 0 : rtt * 1e3,
    audioLevel: number(inbound?.["audioLevel"]),
    concealedSamples: number(inbound?.["concealedSamples"]),
    totalSamples: number(inbound?.["totalSamplesReceived"]),
    outboundSsrc: number(outbound?.["ssrc"]),
    inboundSsrc: number(inbound?.["ssrc"])
  };
}
function pathOf(local) {
  const [relay2, protocol] = [local?.["relayProtocol"], local?.["protocol"]];
  if (relay2 === "udp" || relay2 === "tcp" || relay2 === "tls") return `relay_${relay2}`;
  return protocol === "udp" || protocol === "tcp" ? protocol : void 0;
}
function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : void 0;
}
function reportOf(stats) {
  const report2 = {
    codec: stats.codec,
    path: stats.path,
    packets_sent: stats.packetsSent,
    packets_received: stats.packetsReceived,
    packets_lost: stats.packetsLost,
    remote_packets_lost: stats.remotePacketsLost,
    jitter_ms: rounded(stats.jitterMs),
    rtt_ms: rounded(stats.rttMs),
    concealed_samples: stats.concealedSamples,
    total_samples: stats.totalSamples
  };
  return Object.fromEntries(Object.entries(report2).filter((e) => e[1] !== void 0));
}
function rounded(value) {
  return value === void 0 ? void 0 : Math.round(value * 10) / 10;
}

// src/call_media.ts
var CANDIDATE_LIMIT = 64;
var VOLUME_INTERVAL_MS = 100;
var ANSWER_PATIENCE_MS = 5e3;
var CallMedia = class {
  #settings;
  #owner;
  #output;
  #outputStart = new OutputStart();
  #recovery;
  #monitor;
  #flow;
  #path;
  /** Gathered before the box knows the call; afterwards nothing, for each goes out at once. */
  #candidates = [];
  #sending = { audio: true, video: true };
  #receiving = true;
  #meters;
  #volumeTimer;
  /** Who waits for the next answer. */
  #answered = [];
  constructor(settings, owner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#output = new AudioOutput(
      settings.outputDeviceId,
      (error) => owner.failed(error),
      () => owner.soundBegan()
    );
    this.#recovery = new MediaRecovery({
      mediaDoubtful: () => owner.warn({ code: "media_interrupted", message: "The audio connection is interrupted." }),
      mediaLost: () => owner.mediaLost(true),
      mediaBack: () => {
        owner.clearWarning("media_interrupted");
        owner.mediaLost(false);
      },
      canRestart: () => this.peer !== void 0 && owner.canRestart(),
      restart: () => this.#restart(),
      gaveUp: (everConnected) => owner.mediaGone(everConnected)
    });
    this.#outputStart.open();
  }
  /** Opens the connection with what the call sends, and makes its offer. */
  async start(local, video) {
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
            if (state === "connected") this.#path?.close();
            this.#recovery.connectionChanged(state);
          },
          remoteTrack: (stream) => {
            this.#output.play(stream);
            this.restartMeters();
          },
          localTrackEnded: (kind) => this.#owner.warn(
            kind === "audio" ? { code: "mic_ended", message: "The microphone was unplugged or taken away." } : { code: "camera_ended", message: "The camera was unplugged or taken away." }
          )
        },
        local,
        { audio: true, video }
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
  releaseCandidates() {
    const gathered = this.#candidates ?? [];
    this.#candidates = void 0;
    for (const candidate of gathered) this.#candidate(candidate);
  }
  /** Applies the box's answer; rejects with `media_failed`. From then on media is expected and watched. */
  async answer(sdp, from) {
    const peer = this.peer;
    if (!peer) return;
    await peer.answer(sdp, from);
    if (this.peer !== peer) return;
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
      alive: () => this.#recovery.alive(this.peer?.connection.connectionState)
    });
    this.#flow.sought();
    this.#monitor ??= new QualityMonitor({
      stats: () => this.stats(),
      report: (stats) => this.#owner.sendReport(reportOf(stats)),
      warn: (warning) => this.#owner.warn(warning),
      clear: (code) => this.#owner.clearWarning(code)
    });
  }
  /** What is sent and whether the far side is heard, now and for tracks to come. */
  direct(sending, receiving) {
    this.#sending = sending;
    this.#receiving = receiving;
    this.#apply();
  }
  /** The browser is in another network. */
  moved() {
    this.#recovery.moved();
  }
  /** Signalling is back after a drop. */
  signalingBack() {
    this.#recovery.signalingBack();
  }
  async stats() {
    if (!this.peer) throw new CausewayError("wrong_state", "The call has no media that could be measured.");
    return summarize(await this.peer.connection.getStats());
  }
  /** The last figures before the end, so that short calls are on record too. */
  async lastReport() {
    await this.#monitor?.sample();
  }
  /** Another microphone, without a new offer. */
  async setInput(audio) {
    const stream = await capture({ audio, video: false, defaults: this.#settings.audioConstraints });
    try {
      if (!this.peer || !stream) throw new CausewayError("wrong_state", "The call has no microphone to replace.");
      await this.peer.replaceAudio(stream);
    } catch (error) {
      stopTracks(stream);
      throw error;
    }
    this.#owner.clearWarning("mic_ended");
    this.restartMeters();
  }
  setOutput(deviceId) {
    return this.#output.setSink(deviceId);
  }
  setVolume(volume) {
    this.#output.setVolume(Math.min(1, Math.max(0, volume)));
  }
  /** Closes what `start` opened; it may be started again. */
  stop() {
    for (const resolve of this.#answered.splice(0)) resolve();
    this.#monitor?.close();
    this.#monitor = void 0;
    this.#flow?.close();
    this.#flow = void 0;
    this.#path?.close();
    this.#path = void 0;
    this.#stopMeters();
    this.#output.close();
    this.#outputStart.close();
    this.peer?.close();
    this.peer = void 0;
  }
  /** Stops for good. */
  close() {
    this.stop();
    this.#recovery.close();
  }
  /** Measures loudness as long as someone wants it. */
  restartMeters() {
    this.#stopMeters();
    const peer = this.peer;
    if (!peer || !this.#owner.wantsVolume() || typeof AudioContext !== "function") return;
    const meter = (stream) => stream && stream.getAudioTracks().length > 0 ? new LevelMeter(stream) : void 0;
    const meters = this.#meters = { input: meter(peer.localStream), output: meter(peer.remoteStream) };
    this.#volumeTimer = setInterval(
      () => this.#owner.volume(meters.input?.level ?? 0, meters.output?.level ?? 0),
      VOLUME_INTERVAL_MS
    );
  }
  #stopMeters() {
    clearInterval(this.#volumeTimer);
    this.#meters?.input?.close();
    this.#meters?.output?.close();
    this.#meters = void 0;
  }
  #apply() {
    this.peer?.setSending(this.#sending);
    this.peer?.setReceiving(this.#receiving);
  }
  #candidate(candidate) {
    if (candidate) this.#path?.candidate(candidate.candidate);
    if (!this.#candidates) this.#owner.sendCandidate(candidate);
    else if (this.#candidates.length < CANDIDATE_LIMIT) this.#candidates.push(candidate);
  }
  /** The box speaks another codec: an offer on the connection as it is, whose answer names it first. */
  renegotiate() {
    const peer = this.peer;
    if (!peer || peer.awaitingAnswer || !this.#owner.canRestart()) return;
    peer.offer().then((sdp) => this.#owner.sendRestart(sdp)).catch(async (error) => {
      this.#settings.log.warn("the codec stays as it is", error);
      if (error.code !== "connection_lost") await peer.rollback();
    });
  }
  /** Whether there is anything of a picture. */
  get hasVideo() {
    return this.peer?.hasVideo ?? false;
  }
  /** Brings a camera, or with nothing what shows the far side's picture. The sound goes on. */
  async beginVideo(camera) {
    const peer = this.#standing();
    await peer.beginVideo(camera);
    try {
      await this.#negotiate(peer);
    } catch (error) {
      peer.endVideo();
      throw error;
    }
    if (this.peer === peer && !peer.hasVideo) {
      throw new CausewayError("refused", "The box has not taken the picture.");
    }
  }
  /** Takes the picture away. The sound goes on. */
  async endVideo() {
    const peer = this.#standing();
    peer.endVideo();
    await this.#negotiate(peer);
  }
  /** Turns the camera off at once. */
  darkenVideo() {
    this.peer?.darkenVideo();
  }
  #standing() {
    if (!this.peer) throw new CausewayError("wrong_state", "The call has no media that could have a picture.");
    return this.peer;
  }
  /** An offer on the connection as it is; resolves when its answer is in use. */
  async #negotiate(peer) {
    if (peer.awaitingAnswer) await this.#nextAnswer();
    const sdp = await peer.offer();
    const answer = this.#nextAnswer();
    try {
      await this.#owner.sendRestart(sdp);
    } catch (error) {
      if (error.code !== "connection_lost") await peer.rollback();
      throw error;
    }
    await answer;
  }
  /** Resolves when no offer of ours is open. */
  async whenAnswered() {
    if (this.peer?.awaitingAnswer) await this.#nextAnswer();
  }
  /** The next answer, however long ago its offer was; gives up where none comes. */
  #nextAnswer() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ANSWER_PATIENCE_MS);
      this.#answered.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  async #restart() {
    const peer = this.peer;
    if (!peer) return;
    await peer.rollback();
    peer.useServers(this.#settings.iceServers());
    const sdp = await peer.offer(true);
    try {
      await this.#owner.sendRestart(sdp);
    } catch (error) {
      if (error.code !== "connection_lost") await peer.rollback();
      this.#settings.log.warn("ICE restart failed", error);
      throw error;
    }
  }
};

// src/events.ts
var Emitter = class {
  #listeners = /* @__PURE__ */ new Map();
  /** Calls `listener` at every `event`, until `off`. */
  on(event, listener) {
    return this.#add(event, listener, false);
  }
  /** Calls `listener` at the next `event` only. */
  once(event, listener) {
    return this.#add(event, listener, true);
  }
  /** Removes one listener, or all of the event when none is named. */
  off(event, listener) {
    const kept = listener ? (this.#listeners.get(event) ?? []).filter((l) => l.run !== listener) : [];
    if (kept.length > 0) this.#listeners.set(event, kept);
    else this.#listeners.delete(event);
    this.listenersChanged(event);
    return this;
  }
  /** How many listeners an event has. */
  listenerCount(event) {
    return this.#listeners.get(event)?.length ?? 0;
  }
  /** @internal */
  emit(event, ...args) {
    for (const listener of [...this.#listeners.get(event) ?? []]) {
      if (listener.once) this.off(event, listener.run);
      try {
        listener.run(...args);
      } catch (error) {
        reportListenerError(error);
      }
    }
  }
  /** Told after listeners of an event came or went. @internal */
  listenersChanged(_event) {
  }
  #add(event, run, once) {
    if (typeof run !== "function") throw new TypeError("the listener is not a function");
    const list = this.#listeners.get(event) ?? [];
    list.push({ run, once });
    this.#listeners.set(event, list);
    this.listenersChanged(event);
    return this;
  }
};
function reportListenerError(error) {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}

// src/operations.ts
var LIMIT = 16;
var OperationQueue = class {
  #tail = Promise.resolve();
  #length = 0;
  /** Runs `operation` at once, or when those before it are done, whatever came of them. */
  run(operation) {
    if (this.#length >= LIMIT) {
      return Promise.reject(new CausewayError("queue_full", "Too many operations of this call are waiting."));
    }
    const started = this.#length === 0 ? operation() : this.#tail.then(operation);
    this.#length += 1;
    const result = started.finally(() => this.#length -= 1);
    this.#tail = result.catch(() => void 0);
    return result;
  }
};

// src/holding.ts
var Holding = class {
  constructor(owner) {
    /** We asked for a hold that nobody agreed to yet: nothing is sent already. */
    this.pending = false;
    this.#queue = new OperationQueue();
    this.#owner = owner;
  }
  #owner;
  #queue;
  #last;
  /** Whether this side holds the call. */
  get here() {
    const heldBy = this.#owner.heldBy();
    return heldBy === "local" || heldBy === "both";
  }
  set(on) {
    if (this.#last?.on === on) return this.#last.done;
    const done = this.#queue.run(() => this.#negotiate(on));
    const entry = this.#last = { on, done };
    const forget = () => {
      if (this.#last === entry) this.#last = void 0;
    };
    done.then(forget, forget);
    return done;
  }
  async #negotiate(on) {
    if (this.#owner.ended()) throw ended();
    if (this.here === on) return;
    this.pending = on;
    this.#owner.apply();
    try {
      await this.#owner.ask(on ? "call.hold" : "call.resume", () => this.here === on);
      const heldBy = this.#owner.heldBy();
      const theirs = heldBy === "remote" || heldBy === "both";
      this.#owner.agreed(on ? theirs ? "both" : "local" : theirs ? "remote" : null);
    } finally {
      this.pending = false;
      this.#owner.apply();
    }
  }
};

// src/kept.ts
function describe(call, resume) {
  const { id, direction, from, fromName, to, context, contextToken, divertedFrom, answeredAt, muted, localStream } = call;
  const video = (localStream?.getVideoTracks().length ?? 0) > 0;
  return {
    id,
    resume,
    direction,
    from,
    fromName,
    to,
    context,
    contextToken,
    divertedFrom,
    answeredAt: answeredAt?.getTime(),
    muted,
    video
  };
}
var RECENT_MS = 1e4;
function key(url) {
  return `causeway ${url}`;
}
function storage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return void 0;
  }
}
function keep(url, calls, log) {
  try {
    storage()?.setItem(key(url), JSON.stringify({ at: Date.now(), calls }));
    return storage() !== void 0;
  } catch (error) {
    log.warn("calls cannot be kept for the next page", error);
    return false;
  }
}
function take(url, withinMs) {
  try {
    const text = storage()?.getItem(key(url));
    storage()?.removeItem(key(url));
    const { at, calls } = JSON.parse(text ?? "{}");
    if (typeof at !== "number" || Date.now() - at > withinMs || !Array.isArray(calls)) return [];
    return calls.filter((call) => typeof call.id === "string" && typeof call.resume === "string");
  } catch {
    return [];
  }
}
var Leaving = class {
  #known = false;
  #at = -Infinity;
  #navigation = globalThis.navigation;
  constructor() {
    this.#navigation?.addEventListener("navigate", this.#navigate);
  }
  /** Whether a page that could go on with a call comes next. Where the browser does not tell, it may. */
  comesBack() {
    if (!this.#navigation) return true;
    return this.#known && Date.now() - this.#at < RECENT_MS;
  }
  close() {
    this.#navigation?.removeEventListener("navigate", this.#navigate);
  }
  #navigate = (event) => {
    const { destination, hashChange, downloadRequest } = event;
    if (hashChange || downloadRequest !== null && downloadRequest !== void 0) return;
    this.#at = Date.now();
    this.#known = sameOrigin(destination?.url);
  };
};
function sameOrigin(url) {
  try {
    return url !== void 0 && new URL(url, location.href).origin === location.origin;
  } catch {
    return false;
  }
}

// src/lost_answers.ts
var LostAnswers = class {
  #owner;
  #waiting = [];
  constructor(owner) {
    this.#owner = owner;
  }
  /** Resolves when the connection is back and the snapshot is applied, or the call is over. */
  back() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  /** The connection is back, or nothing more comes. */
  settle() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
  /** Whether this rejection says no more than that the connection dropped. */
  isLost(error) {
    return !this.#owner.ended() && error.code === "connection_lost" && this.#owner.signalingLost();
  }
  /** Makes the request; `done` tells, after a lost answer, whether it was. */
  async ask(request, done) {
    try {
      await request();
    } catch (error) {
      if (this.isLost(error)) {
        await this.back();
        if (!this.#owner.ended() && done()) return;
      }
      if (this.#owner.ended()) throw ended();
      throw error;
    }
    if (this.#owner.ended()) throw ended();
  }
  /** The same of a request that ends the call when it is done. */
  async askForTheEnd(request, done) {
    try {
      await request();
    } catch (error) {
      if (this.isLost(error)) await this.back();
      if (done()) return;
      if (this.#owner.ended()) throw ended();
      throw error;
    }
  }
};

// src/troubles.ts
var Troubles = class {
  constructor(owner) {
    this.#warnings = /* @__PURE__ */ new Set();
    this.signalingLost = false;
    this.mediaLost = false;
    this.#owner = owner;
  }
  #owner;
  #warnings;
  get reconnecting() {
    return this.signalingLost || this.mediaLost;
  }
  /** Both show as one. */
  lost(signaling, media) {
    const before = this.reconnecting;
    this.signalingLost = signaling;
    this.mediaLost = media;
    if (this.#owner.ended() || before === this.reconnecting) return;
    if (before) this.#owner.reconnected();
    else if (signaling) this.#owner.reconnecting(new CausewayError("connection_lost", "The connection to the box dropped."));
    else this.#owner.reconnecting(new CausewayError("media_lost", "The audio connection dropped."));
  }
  warn(warning) {
    if (this.#owner.ended() || this.#warnings.has(warning.code)) return;
    this.#warnings.add(warning.code);
    this.#owner.warning(warning);
  }
  clear(code) {
    if (this.#warnings.delete(code) && !this.#owner.ended()) this.#owner.warningCleared(code);
  }
};

// src/video.ts
var CallVideo = class {
  constructor(owner) {
    /** The page was told of a picture. */
    this.on = false;
    this.#queue = new OperationQueue();
    this.#agreed = false;
    this.#owner = owner;
  }
  #owner;
  #queue;
  #agreed;
  set(source) {
    if (source !== false) return this.#queue.run(() => this.#begin(source));
    this.#owner.media().darkenVideo();
    return this.#queue.run(() => this.#end());
  }
  /** The box says whether there is a picture. */
  told(agreed) {
    this.#agreed = agreed;
    if (!agreed) this.#owner.media().darkenVideo();
    this.#queue.run(() => this.#follow()).catch((error) => this.#owner.failed(error));
  }
  /** The connection is back. */
  catchUp() {
    if (this.seen !== void 0) this.told(this.seen);
    this.seen = void 0;
  }
  async #begin(source) {
    if (this.#owner.ended()) throw ended();
    const camera = await open(source);
    try {
      if (this.#owner.ended()) throw ended();
      await this.#owner.ask(true);
      this.#agreed = true;
      await this.#owner.media().beginVideo(camera);
    } catch (error) {
      stopTracks(camera);
      if (this.#agreed && !this.#owner.media().hasVideo && !this.#owner.ended()) {
        this.#owner.ask(false).catch((failure) => this.#owner.failed(failure));
      }
      throw error;
    }
    this.#tell(true);
  }
  async #end() {
    if (this.#owner.ended()) throw ended();
    if (this.#owner.media().hasVideo) await this.#owner.media().endVideo();
    await this.#owner.ask(false);
    this.#agreed = false;
    this.#tell(false);
  }
  async #follow() {
    if (this.#agreed) await this.#owner.media().whenAnswered();
    if (this.#owner.ended()) return;
    if (this.#agreed && !this.#owner.media().hasVideo) await this.#owner.media().beginVideo(void 0);
    if (!this.#agreed && this.#owner.media().hasVideo) await this.#owner.media().endVideo();
    this.#tell(this.#agreed);
  }
  #tell(video) {
    if (this.on === video || this.#owner.ended()) return;
    this.on = video;
    this.#owner.changed(video);
  }
};
async function open(source) {
  if (typeof MediaStream === "function" && source instanceof MediaStream) {
    return new MediaStream(source.getVideoTracks().map((track) => track.clone()));
  }
  return capture({ audio: false, video: source, defaults: void 0 });
}

// src/call.ts
var PLACE_TIMEOUT_MS = 15e3;
var FAR_SIDE = { timeoutMs: 4e4, wait: true };
var TRANSFER_TIMEOUT_MS = 26e4;
var Call = class _Call extends Emitter {
  #owner;
  #media;
  #holding;
  #video;
  #answers = new LostAnswers({ ended: () => this.#ended, signalingLost: () => this.#troubles.signalingLost });
  /** What is offered to the far side: one thing at a time. */
  #offers = new OperationQueue();
  #digits = new OperationQueue();
  #troubles;
  #id;
  #resume;
  #state;
  #seq = -1;
  #heldBy = null;
  #muted = false;
  #codec;
  #cause;
  #answeredAt;
  #endedAt;
  #accepting = false;
  #hangingUp;
  /** @internal */
  constructor(owner, parts) {
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
    this.#state = parts.answeredAt ? "answered" : parts.direction === "incoming" ? "incoming" : "placing";
    const { signaling } = owner;
    this.#troubles = new Troubles({
      ended: () => this.#ended,
      reconnecting: (error) => this.emit("reconnecting", error),
      reconnected: () => this.emit("reconnected"),
      warning: (warning) => this.emit("warning", warning),
      warningCleared: (code) => this.emit("warningCleared", code)
    });
    this.#holding = new Holding({
      ended: () => this.#ended,
      heldBy: () => this.#heldBy,
      apply: () => this.#applyMedia(),
      ask: (type, done) => this.#offers.run(() => this.#answers.ask(() => signaling.request({ type, call: this.id }, FAR_SIDE), done)),
      agreed: (heldBy) => this.#setHeldBy(heldBy)
    });
    this.#video = new CallVideo({
      ended: () => this.#ended,
      ask: (video) => this.#offers.run(() => signaling.request({ type: "call.video", call: this.id, video }, FAR_SIDE)),
      media: () => this.#media,
      changed: (video) => this.emit("video", video),
      failed: (error) => owner.log.warn("the picture cannot be followed", error)
    });
    this.#media = new CallMedia(owner, {
      sendCandidate: (candidate) => signaling.notify({ type: "call.candidate", call: this.id, candidate }),
      sendReport: (stats) => signaling.notify({ type: "call.report", call: this.id, stats }),
      sendRestart: async (sdp) => void await signaling.request({ type: "call.restart", call: this.id, sdp }),
      canRestart: () => signaling.connected && this.#id !== void 0,
      mediaLost: (lost) => this.#troubles.lost(this.#troubles.signalingLost, lost),
      mediaGone: (everConnected) => this.#mediaGone(everConnected),
      noPath: (error) => this.#noPath(error),
      stalled: () => signaling.doubt(),
      warn: (warning) => this.#troubles.warn(warning),
      clearWarning: (code) => this.#troubles.clear(code),
      failed: (error) => this.#fail(error),
      soundBegan: () => !this.#ended && this.emit("warningCleared", "autoplay_blocked"),
      held: () => this.#heldBy !== null,
      wantsVolume: () => this.listenerCount("volume") > 0,
      volume: (input, output) => this.emit("volume", input, output)
    });
  }
  // ---- what it is ----
  /** The box's name for the call; empty until it is placed. */
  get id() {
    return this.#id ?? "";
  }
  get state() {
    return this.#state;
  }
  /** Whether anyone holds the call. */
  get held() {
    return this.#heldBy !== null;
  }
  get heldBy() {
    return this.#heldBy;
  }
  get muted() {
    return this.#muted;
  }
  /** Whether both sides have agreed on a picture. */
  get video() {
    return this.#video.on;
  }
  /** The audio codec between browser and box, once known. */
  get codec() {
    return this.#codec;
  }
  /** Why the call ended; nothing before. */
  get cause() {
    return this.#cause;
  }
  get answeredAt() {
    return this.#answeredAt;
  }
  /** Seconds since the answer, standing still once the call ended. */
  get duration() {
    if (!this.#answeredAt) return 0;
    return ((this.#endedAt?.getTime() ?? Date.now()) - this.#answeredAt.getTime()) / 1e3;
  }
  /** Whether connection or media dropped and is being sought. */
  get reconnecting() {
    return this.#troubles.reconnecting;
  }
  get localStream() {
    return this.#media.peer?.localStream;
  }
  get remoteStream() {
    return this.#media.peer?.remoteStream;
  }
  /** The browser's connection, for figures and diagnosis. Changing it breaks the call. */
  get peerConnection() {
    return this.#media.peer?.connection;
  }
  // ---- what it does ----
  /** Answers an incoming call. Resolves when the box took it; rejects and leaves it ringing when not. */
  async accept(options = {}) {
    if (this.#state !== "incoming" || this.#accepting) throw this.#wrongState("accepted");
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
        () => this.#owner.signaling.request({ type: "call.accept", call: this.id, sdp }, { timeoutMs: PLACE_TIMEOUT_MS }),
        () => this.#state !== "incoming"
      );
      this.#media.releaseCandidates();
    } catch (error) {
      if (!this.#ended) this.#media.stop();
      throw asCausewayError(error, "media_failed");
    } finally {
      this.#accepting = false;
    }
  }
  /** Refuses an incoming call. */
  async reject(reason = "declined") {
    if (this.#state !== "incoming" || this.#accepting) throw this.#wrongState("rejected");
    await this.#owner.signaling.request({ type: "call.reject", call: this.id, reason }, { wait: true });
    this.#end({ code: reason, message: "The call was refused here.", by: "local" });
  }
  /** Ends the call, or gives up one that nobody answered yet. Resolves when it is over; never rejects. */
  disconnect() {
    if (this.#ended) return Promise.resolve();
    if (this.#state === "incoming" && !this.#accepting) {
      return this.reject().catch(() => this.#end(localCause(this.#answeredAt !== void 0)));
    }
    return this.#hangingUp ??= this.#hangUp(localCause(this.#answeredAt !== void 0));
  }
  /**
   * Holds the call: nothing is sent and nothing heard. Resolves when the far side agreed; rejects
   * (`refused`, `timed_out`, …) with everything as it was before.
   */
  hold() {
    return this.#setHold(true);
  }
  /** Takes the call off hold, as far as we held it. */
  resume() {
    return this.#setHold(false);
  }
  /**
   * Hands the far side on: to a number, or to the far side of another answered call of this device.
   * Resolves when they have each other; the call, and the other one, then end with the cause
   * `transferred`. Rejects (`refused`, `timed_out`, `destination_forbidden`, …) with the call as it was.
   */
  async transfer(target) {
    if (this.#state !== "answered" && this.#state !== "held") throw this.#wrongState("transferred");
    const wish = transferTarget(target instanceof _Call && target !== this ? { with: target.id } : target);
    await this.#answers.askForTheEnd(
      () => this.#owner.signaling.request({ type: "call.transfer", call: this.id, ...wish }, { timeoutMs: TRANSFER_TIMEOUT_MS, wait: true }),
      () => this.#cause?.code === "transferred"
    );
  }
  /**
   * Leaves a number to be called at, also after the end. Resolves with the box's name for the wish when somebody has
   * taken it; rejects with `refused` when nobody takes any, so that the page promises nothing.
   */
  requestCallback(number2, options = {}) {
    return this.#owner.requestCallback({ context: this.context, ...options, number: number2, to: this.to }, this.#id);
  }
  /** Silences the microphone, or with `false` opens it again. Only here: the far side is not told. */
  mute(muted = true) {
    if (this.#ended || muted === this.#muted) return;
    this.#muted = muted;
    this.#applyMedia();
    this.emit("mute", muted);
  }
  /** Presses digits: `0-9 A-D * #`, `,` pauses. Resolves when all are sent; calls queue in order. */
  sendDigits(digits, options = {}) {
    const { duration = 100, gap = 70 } = options;
    const fault = digitsFault(digits, duration, gap);
    if (fault) return Promise.reject(fault);
    const timeoutMs = digits.length * Math.max(duration + gap, 2e3) + 5e3;
    return this.#digits.run(async () => {
      if (this.#ended) throw ended();
      await this.#owner.signaling.request(
        { type: "call.dtmf", call: this.id, digits: digits.toUpperCase(), duration_ms: Math.round(duration), gap_ms: Math.round(gap) },
        { timeoutMs }
      );
    });
  }
  /** The browser's figures about this call's audio. */
  getStats() {
    return this.#media.stats();
  }
  /** Changes the microphone in mid-call. A stream given is cloned. */
  setInput(audio) {
    return this.#media.setInput(audio);
  }
  /**
   * Shows the camera to the far side, and the far side's picture here; with `false` both end. The sound goes on. Resolves
   * when it is so; rejects (`refused` where the far side has no pictures, `camera_denied`, …) with the call as it was.
   */
  async setVideo(video) {
    if (this.#state !== "answered" && this.#state !== "held") throw this.#wrongState("given or rid of a picture");
    await this.#video.set(video);
  }
  /** Chooses the loudspeaker by device id. Rejects with `not_supported` or `output_failed`. */
  setOutput(deviceId) {
    return this.#media.setOutput(deviceId);
  }
  /** How loud the far side is played, 0…1. */
  setVolume(volume) {
    this.#media.setVolume(volume);
  }
  // ---- what the device does with it ----
  /** Places the call. Rejects, with everything let go, when the box refuses. @internal */
  async place(local, video, from) {
    try {
      const sdp = await this.#media.start(local, video);
      const more = { ...this.context ? { context: this.context } : void 0, ...from === void 0 ? void 0 : { from } };
      const ok = await this.#owner.signaling.request(
        { type: "call.place", to: this.to, sdp, audio: true, video, ...more },
        { timeoutMs: PLACE_TIMEOUT_MS }
      );
      this.#placed(ok);
    } catch (error) {
      const failure = asCausewayError(error, "internal");
      this.#end({ code: "failed", message: failure.message, by: "box" });
      throw failure;
    }
  }
  /** Goes on with a call of the page before this one, on a connection of its own. @internal */
  async takeUp(local, video) {
    const sdp = await this.#media.start(local, video);
    this.#applyMedia();
    const ok = await this.#owner.signaling.request(
      { type: "call.reattach", call: this.id, resume: this.#resume ?? "", sdp, video },
      { timeoutMs: PLACE_TIMEOUT_MS }
    );
    if (!ok.state) throw new CausewayError("internal", "The box gave the call back without its state.");
    this.#apply(ok.state);
    if (this.#ended) return;
    if (ok.state.answer) await this.#media.answer(ok.state.answer, "event");
    this.#media.releaseCandidates();
    this.#video.told(ok.state.video ?? false);
  }
  /** What the next page needs to go on with it; nothing when it cannot. @internal */
  kept() {
    const stays = !this.#ended && !this.#hangingUp && this.#state !== "incoming";
    return stays && this.#resume !== void 0 ? describe(this, this.#resume) : void 0;
  }
  /** Lets go of everything here; the box keeps the call. @internal */
  letGo() {
    this.#media.close();
  }
  /** The browser is in another network. @internal */
  moved() {
    if (!this.#ended) this.#media.moved();
  }
  /** Takes a message about this call. @internal */
  received(message) {
    if (this.#ended) return;
    switch (message.type) {
      case "call.state":
        this.#apply(message);
        return;
      case "call.answer":
        void this.#answer(message.sdp, "event");
        return;
      case "call.dtmf":
        this.emit("dtmf", message.digit, message.duration_ms);
        return;
      case "call.renegotiate":
        return this.#media.renegotiate();
      case "call.video":
        return this.#video.told(message.video);
      case "call.transfer":
        this.emit("transferProgress", message.status);
        return;
      case "call.warning":
        if (message.code === "media_resumed") this.#troubles.clear("no_media");
        else if (message.code === "quality_restored") this.#troubles.clear("low_quality");
        else this.#troubles.warn({ code: message.code, message: message.message });
    }
  }
  /** An error of the box about this call that answers no request. @internal */
  failed(error) {
    if (!this.#ended) this.#fail(error);
  }
  /** @internal */
  signalingLost() {
    this.#troubles.lost(true, this.#troubles.mediaLost);
  }
  /** Finds the call again on a new connection. Rejects when the connection failed again. @internal */
  async reattach() {
    if (this.#id === void 0 || this.#resume === void 0 || this.#ended) return;
    try {
      const ok = await this.#owner.signaling.requestNow({ type: "call.reattach", call: this.#id, resume: this.#resume });
      if (!ok.state) return;
      this.#apply(ok.state);
      if (ok.state.answer) await this.#answer(ok.state.answer, "snapshot");
      this.#video.seen = ok.state.video;
    } catch (thrown) {
      const error = asCausewayError(thrown, "connection_lost");
      if (error.code === "connection_lost" || error.code === "timed_out") throw error;
      this.#end({ code: "session_lost", message: "The call was gone when the connection came back.", by: "box" });
    }
  }
  /** @internal */
  signalingBack() {
    if (this.#ended) return;
    this.#troubles.lost(false, this.#troubles.mediaLost);
    this.#answers.settle();
    this.#media.signalingBack();
    this.#video.catchUp();
  }
  /** The connection did not come back in time. @internal */
  sessionLost() {
    this.#end({ code: "session_lost", message: "The connection to the box did not come back in time.", by: "local" });
  }
  /** Ends without waiting for anything: the page goes away. @internal */
  drop() {
    if (this.#ended) return;
    if (this.#id !== void 0) {
      this.#owner.signaling.request({ type: "call.hangup", call: this.#id }).catch(() => void 0);
    }
    this.#end(localCause(this.#answeredAt !== void 0));
  }
  // ---- states ----
  get #ended() {
    return this.#state === "ended";
  }
  #placed(ok) {
    if (!ok.call || !ok.resume) throw new CausewayError("internal", "The box placed the call without naming it.");
    this.#id = ok.call;
    this.#resume = ok.resume;
    if (this.#ended) {
      this.#owner.signaling.request({ type: "call.hangup", call: ok.call }).catch(() => void 0);
      throw ended();
    }
    this.#media.releaseCandidates();
  }
  /** Follows one state of the box: each once, later ones only. */
  #apply(next) {
    if (this.#ended || next.seq < this.#seq) return;
    this.#seq = next.seq;
    if (next.codec) this.#codec = next.codec;
    const before = this.#state;
    switch (next.state) {
      case "ended":
        this.#end(next.cause ?? { code: "failed", message: "The call ended.", by: "box" });
        return;
      case "answered":
      case "held":
        this.#state = next.state;
        if (before !== "answered" && before !== "held") {
          this.#answeredAt ??= /* @__PURE__ */ new Date();
          this.emit("accept");
        }
        this.#setHeldBy(next.state === "held" ? next.held_by ?? "remote" : null);
        return;
      default:
        if (next.state === before) return;
        this.#state = next.state;
        if (next.state === "trying") this.emit("trying");
        else if (next.state === "ringing") this.emit("ringing");
        else if (next.state === "early_media") this.emit("earlyMedia");
    }
  }
  #setHeldBy(heldBy) {
    if (this.#ended || heldBy === this.#heldBy) return;
    this.#heldBy = heldBy;
    this.#state = heldBy ? "held" : "answered";
    this.#applyMedia();
    if (heldBy) this.emit("hold", heldBy);
    else this.emit("unhold");
  }
  #end(cause, hangUpLater = false) {
    if (this.#ended) return;
    const surfaced = this.#id !== void 0;
    this.#state = "ended";
    this.#cause = cause;
    this.#endedAt = /* @__PURE__ */ new Date();
    this.#heldBy = null;
    this.#troubles.lost(false, false);
    this.#media.close();
    this.#answers.settle();
    this.#owner.callEnded(this, this.#resume, hangUpLater);
    if (!surfaced) return;
    if (cause.code === "cancelled" || cause.code === "answered_elsewhere") this.emit("cancel", cause);
    else if (cause.code === "declined" || cause.code === "busy") this.emit("reject", cause);
    this.emit("disconnect", cause);
  }
  async #hangUp(cause, reason) {
    this.#applyMedia(true);
    const { signaling } = this.#owner;
    if (!signaling.connected || this.#id === void 0) {
      this.#end(cause, true);
      return;
    }
    const over = this.#answers.back();
    if (this.#answeredAt) await Promise.race([this.#media.lastReport(), delay(LAST_FIGURES_MS)]);
    try {
      if (!this.#ended) {
        const why = reason ? { reason } : void 0;
        await signaling.request({ type: "call.hangup", call: this.id, ...why }, { timeoutMs: HANGUP_PATIENCE_MS });
      }
      if (!this.#ended) await Promise.race([over, delay(HANGUP_PATIENCE_MS)]);
      this.#end(cause);
    } catch (error) {
      this.#owner.log.info("hangup without an answer", error);
      this.#end(cause, true);
    }
  }
  // ---- hold ----
  #setHold(on) {
    if (this.#state !== "answered" && this.#state !== "held") {
      return Promise.reject(this.#wrongState(on ? "held" : "resumed"));
    }
    return this.#holding.set(on);
  }
  // ---- media ----
  async #answer(sdp, from) {
    try {
      await this.#media.answer(sdp, from);
    } catch (thrown) {
      const error = asCausewayError(thrown, "media_failed");
      if (this.#ended) return;
      this.#fail(error);
      this.#hangingUp ??= this.#hangUp({ code: "media_failed", message: error.message, by: "local" });
    }
  }
  #noPath(error) {
    if (this.#ended || this.#hangingUp) return;
    this.#fail(error);
    this.emit("callbackOffered", error);
    this.#hangingUp ??= this.#hangUp({ code: "media_failed", message: error.message, by: "local" }, "no_path");
  }
  #mediaGone(everConnected) {
    if (this.#ended) return;
    const code = everConnected ? "media_lost" : "media_failed";
    const message = everConnected ? "The audio connection did not come back." : "No way for audio was found.";
    this.#fail(new CausewayError(code, message));
    this.#hangingUp ??= this.#hangUp({ code, message, by: "local" });
  }
  #applyMedia(silent = this.#hangingUp !== void 0) {
    const held = this.#holding.here || this.#holding.pending || silent;
    this.#media.direct({ audio: !held && !this.#muted, video: !held }, !held);
  }
  /** @internal */
  listenersChanged(event) {
    if (event === "volume") this.#media.restartMeters();
  }
  // ---- telling the page ----
  #fail(error) {
    this.emit("error", error);
    this.#owner.callError(this, error);
  }
  #wrongState(done) {
    return new CausewayError("wrong_state", `A call in the state "${this.#state}" cannot be ${done}.`);
  }
};

// src/log.ts
var ORDER = ["silent", "error", "warn", "info", "debug"];
var Log = class {
  #level;
  constructor(level) {
    this.#level = ORDER.indexOf(level);
  }
  error(...words) {
    if (this.#level >= 1) console.error("[causeway]", ...words);
  }
  warn(...words) {
    if (this.#level >= 2) console.warn("[causeway]", ...words);
  }
  info(...words) {
    if (this.#level >= 3) console.info("[causeway]", ...words);
  }
  debug(...words) {
    if (this.#level >= 4) console.debug("[causeway]", ...words);
  }
};

// src/preflight.ts
var FETCH_MS = 5e3;
var WAY_MS = 4e3;
var SOUND_MS = 4e3;
var PACKETS = 20;
var ORDER2 = ["microphone", "dns", "https", "websocket", "udp", "tcp", "turn", "dtls", "media"];
var WAYS = ["udp", "tcp", "turn"];
var ADVICE = {
  microphone: "Allow the microphone in the address bar, plug one in, or close the program that holds it.",
  dns: "Check the name of the box and the name server of this network.",
  https: "Check the connection to the internet, and that the box’s address and certificate are right.",
  websocket: "A proxy may forbid WebSockets: let the box’s address through as it is. If the box refuses, the page’s token or origin is wrong.",
  udp: "Calls work without, over TCP or the relay. For the best sound let UDP to the box’s media port through.",
  tcp: "Calls work without, over UDP or the relay. Let TCP to the box’s HTTPS port through as it is, also what is not TLS.",
  turn: "Calls work without, over UDP or TCP. Let TLS to the box’s HTTPS port through unopened, and give the box a certificate that browsers trust.",
  dtls: "A firewall lets checks through and encrypted media not: let all of UDP to the box’s media port through.",
  media: "A firewall drops media after it has begun: let all of UDP to the box’s media port through, without a limit."
};
var NothingToTry = class extends Error {
};
async function preflight(owner, audio) {
  const hops = [];
  const failed = (hop) => hops.find((h) => h.hop === hop)?.result !== "ok";
  const skip = (hop, message) => void hops.push({ hop, result: "skipped", message, ms: 0 });
  const attempt = async (hop, run) => {
    const since = Date.now();
    try {
      hops.push({ hop, result: "ok", message: await run(), ms: Date.now() - since });
      return true;
    } catch (error) {
      if (error instanceof NothingToTry) {
        skip(hop, error.message);
        return false;
      }
      const message = error instanceof Error ? error.message : String(error);
      hops.push({ hop, result: "failed", message, advice: ADVICE[hop], ms: Date.now() - since });
      return false;
    }
  };
  let microphone;
  await attempt("microphone", async () => {
    microphone = await capture({ audio, video: false, defaults: owner.audioConstraints });
    return microphone ? "The microphone can be used." : "No microphone is wanted.";
  });
  try {
    const reached = await attempt("https", () => answers(owner.origin));
    if (/^https?:\/\/(\[|[0-9.]+(:|\/|$))/.test(owner.origin)) skip("dns", "The box has an address and no name.");
    else if (reached) hops.push({ hop: "dns", result: "ok", message: "The name of the box is known.", ms: 0 });
    else skip("dns", "The browser does not tell whether the name or the connection failed.");
    if (!reached) skip("websocket", "Nothing of the box can be reached.");
    else {
      await attempt("websocket", async () => {
        await owner.connect();
        return "The box takes this page.";
      });
    }
    if (failed("websocket")) {
      for (const hop of [...WAYS, "dtls", "media"]) skip(hop, "The box could not be asked.");
      return report(hops);
    }
    const servers = owner.iceServers();
    await Promise.all([
      attempt("udp", () => direct(owner, microphone, "udp")),
      attempt("tcp", () => direct(owner, microphone, "tcp")),
      servers.length === 0 ? skip("turn", "The box has no relay.") : attempt("turn", () => relay(servers))
    ]);
    if (WAYS.every(failed)) {
      for (const hop of ["dtls", "media"]) skip(hop, "There is no way for media.");
    } else {
      await echo(owner, servers, microphone, attempt, skip);
    }
    return report(hops);
  } finally {
    stopTracks(microphone);
  }
}
function report(hops) {
  hops.sort((a, b) => ORDER2.indexOf(a.hop) - ORDER2.indexOf(b.hop));
  const is = (hop, result) => hops.find((h) => h.hop === hop)?.result === result;
  const noWay = !WAYS.some((way) => is(way, "ok")) && WAYS.some((way) => is(way, "failed"));
  const failing = hops.find((h) => h.result === "failed" && (!WAYS.includes(h.hop) || noWay));
  return failing ? { ok: false, failing: failing.hop, hops } : { ok: true, hops };
}
async function answers(origin) {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), FETCH_MS);
  try {
    await fetch(`${origin}/sdk/v1/causeway.js`, { method: "HEAD", cache: "no-store", signal: gone.signal });
    return "The box answers over HTTPS.";
  } catch (error) {
    throw new CausewayError("connection_lost", "The box does not answer over HTTPS.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
function narrowed(servers, fits) {
  return servers.map((server) => ({ ...server, urls: [server.urls].flat().filter((url) => fits.test(url)) })).filter((server) => server.urls.length > 0);
}
async function within(ms, found) {
  const until = Date.now() + ms;
  for (; ; ) {
    const now = await found();
    if (now !== void 0 || Date.now() >= until) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
async function connection(owner, iceServers, microphone, only) {
  const pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
  try {
    const track = microphone?.getAudioTracks()[0];
    pc.addTransceiver(track ?? "audio", { direction: track ? "sendrecv" : "recvonly" });
    await pc.setLocalDescription(await pc.createOffer());
    let sdp = await owner.test(pc.localDescription?.sdp ?? "");
    if (only) sdp = candidatesOf(sdp, only);
    await pc.setRemoteDescription({ type: "answer", sdp });
    return pc;
  } catch (error) {
    pc.close();
    throw error;
  }
}
var passed = (pc) => ["connected", "completed"].includes(pc.iceConnectionState) || void 0;
function candidatesOf(sdp, transport) {
  const lines = sdp.split("\r\n");
  const other = (line) => line.startsWith("a=candidate:") && line.split(" ")[2]?.toLowerCase() !== transport;
  if (lines.every((line) => !line.startsWith("a=candidate:") || other(line))) {
    throw new NothingToTry(`The box takes no media over ${transport.toUpperCase()}.`);
  }
  return lines.filter((line) => !other(line)).join("\r\n");
}
async function direct(owner, microphone, transport) {
  const name = transport.toUpperCase();
  const pc = await connection(owner, [], microphone, transport);
  try {
    if (await within(WAY_MS, () => passed(pc))) return `${name} reaches the box.`;
    throw new CausewayError("no_path", `No ${name} comes back from the box.`);
  } finally {
    pc.close();
  }
}
async function relay(servers) {
  const ways = [
    ["UDP", /^turn:(?!.*transport=tcp)/],
    ["TCP", /^turn:.*transport=tcp/],
    ["TLS", /^turns:/]
  ];
  const tried = await Promise.all(
    ways.map(async ([name, fits]) => {
      const own = narrowed(servers, fits);
      return own.length > 0 && await relayed(own) ? name : void 0;
    })
  );
  const found = tried.filter((name) => name !== void 0);
  if (found.length === 0) throw new CausewayError("no_path", "The relay cannot be reached.");
  return `The relay can be used, over ${found.join(", ")}.`;
}
async function relayed(iceServers) {
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
  try {
    let found;
    pc.onicecandidate = (event) => {
      if (/ typ relay\b/.test(event.candidate?.candidate ?? "")) found = true;
    };
    pc.createDataChannel("");
    await pc.setLocalDescription(await pc.createOffer());
    return await within(WAY_MS, () => found) ?? false;
  } finally {
    pc.close();
  }
}
async function echo(owner, servers, microphone, attempt, skip) {
  let pc;
  try {
    const met = await attempt("dtls", async () => {
      const made = pc = await connection(owner, servers, microphone);
      const up = await within(2 * WAY_MS, () => made.connectionState === "connected" ? true : void 0);
      if (!up) throw new CausewayError("media_failed", "The encrypted connection did not come about.");
      return "Media is encrypted between browser and box.";
    });
    if (!met || !pc) skip("media", "There is no connection for it.");
    else if (!microphone) skip("media", "Without a microphone nothing can be sent.");
    else {
      const made = pc;
      await attempt("media", async () => {
        const back = await within(SOUND_MS, async () => {
          let packets = 0;
          (await made.getStats()).forEach((s) => {
            if (s.type === "inbound-rtp") packets += s.packetsReceived ?? 0;
          });
          return packets >= PACKETS ? true : void 0;
        });
        if (!back) throw new CausewayError("media_failed", "What is sent does not come back.");
        return "Sound goes to the box and back.";
      });
    }
  } finally {
    pc?.close();
  }
}

// src/protocol.ts
var PROTOCOL_VERSION = 1;
var SUBPROTOCOL = "causeway.v1";
var SOCKET_PATH = "/api/v1/ws";
var CONTEXT_LIMIT = 8 * 1024;
function parseMessage(data) {
  if (typeof data !== "string") return void 0;
  try {
    const value = JSON.parse(data);
    if (typeof value !== "object" || value === null) return void 0;
    return typeof value.type === "string" ? value : void 0;
  } catch {
    return void 0;
  }
}

// src/version.ts
var SDK_VERSION = "0.1.0";

// src/signaling.ts
var FIRST_BACKOFF_MS = 250;
var LAST_BACKOFF_MS = 5e3;
var STABLE_MS = 5e3;
var HANDSHAKE_TIMEOUT_MS = 8e3;
var REQUEST_TIMEOUT_MS = 1e4;
var PING_TIMEOUT_MS = 5e3;
var DOUBT_TIMEOUT_MS = 400;
var PENDING_LIMIT = 128;
var WAITING_LIMIT = 64;
var BUFFERED_LIMIT = 1 << 20;
var AUTH_ATTEMPTS = 3;
var CLOSE_CODES = /* @__PURE__ */ new Map([
  [4400, ["bad_request", "The box found a protocol error."]],
  [4401, ["auth_failed", "The box does not accept the token."]],
  [4403, ["origin_forbidden", "This page's origin is not allowed."]],
  [4413, ["too_large", "A message was too large for the box."]],
  [4429, ["rate_limited", "The box is being asked too much."]]
]);
var FATAL = /* @__PURE__ */ new Set([
  "origin_forbidden",
  "account_forbidden",
  "unsupported",
  "bad_request",
  "not_supported",
  "destroyed"
]);
var AUTH = /* @__PURE__ */ new Set(["auth_failed", "token_expired"]);
var Signaling = class {
  constructor(url, tokens, owner, log, connectTimeoutMs, namesPage) {
    this.state = "disconnected";
    this.#nextId = 1;
    this.#readySince = 0;
    this.#backoffMs = FIRST_BACKOFF_MS;
    /** The next attempt needs no pause: it is our own doubt that ended the connection. */
    this.#atOnce = false;
    this.#generation = 0;
    this.#pending = /* @__PURE__ */ new Map();
    this.#waiting = [];
    this.#url = url;
    this.#tokens = tokens;
    this.#owner = owner;
    this.#log = log;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#namesPage = namesPage;
  }
  #url;
  #tokens;
  #owner;
  #log;
  #connectTimeoutMs;
  #namesPage;
  #socket;
  #running;
  #nextId;
  #readySince;
  #backoffMs;
  #pingTimer;
  #wake;
  #atOnce;
  #generation;
  #pending;
  #waiting;
  get connected() {
    return this.state === "connected";
  }
  /** Resolves when the box has welcomed us; rejects when it refuses or cannot be reached in time. */
  async connect() {
    if (!this.connected) {
      this.#running ??= this.#run("connecting");
      await this.#running;
    }
    if (!this.welcome) throw new CausewayError("connection_lost", "The connection to the box is gone.");
    return this.welcome;
  }
  /** Asks the box and resolves with its `ok`. Rejects with the box's error, `timed_out` or `connection_lost`. */
  request(request, options = {}) {
    if (this.connected) return this.#ask(request, options.timeoutMs);
    if (!options.wait || this.state === "disconnected") {
      return Promise.reject(new CausewayError("connection_lost", "There is no connection to the box."));
    }
    return this.#ask(request, options.timeoutMs, true);
  }
  /** Asks during `welcomed`, when the connection is open and not yet everyone's. */
  requestNow(request) {
    return this.#ask(request);
  }
  /** Sends what nobody answers; silently nothing when there is no connection. */
  notify(notice) {
    return this.#socket !== void 0 && this.welcome !== void 0 && this.#write(JSON.stringify(notice));
  }
  /** Tries again at once instead of at the end of the pause. */
  hurry() {
    this.#wake?.();
  }
  /** The network may be another: checks now, with little patience, that the box still answers. */
  doubt() {
    this.hurry();
    if (this.connected) this.#schedulePing(0, DOUBT_TIMEOUT_MS);
  }
  /** The network was gone: begins a new connection now. */
  renew() {
    if (this.connected) this.#lost("the network was gone", true);
  }
  /** Closes for good or until the next `connect()`. */
  close(reason) {
    this.#generation += 1;
    this.#wake?.();
    this.#running = void 0;
    this.#dropSocket(1e3);
    this.#rejectAll(reason);
    this.#setState("disconnected");
  }
  // ---- coming and going ----
  async #run(state) {
    const generation = ++this.#generation;
    const giveUpAt = Date.now() + this.#connectTimeoutMs;
    let refusals = 0;
    this.#setState(state);
    for (; ; ) {
      try {
        if (state === "reconnecting") await this.#pause(generation);
        await this.#attempt(generation);
        if (this.#running && generation === this.#generation) this.#running = void 0;
        return;
      } catch (thrown) {
        const error = asCausewayError(thrown, "connection_lost");
        if (generation !== this.#generation) throw error;
        this.#log.warn(`connection attempt failed: ${error.code}: ${error.message}`);
        this.#dropSocket(1e3);
        if (AUTH.has(error.code)) refusals += 1;
        const hopeless = FATAL.has(error.code) || AUTH.has(error.code) && (!this.#tokens.renewable || refusals >= AUTH_ATTEMPTS) || (state === "connecting" ? error.code === "token_failed" || Date.now() + this.#backoffMs >= giveUpAt : !this.#owner.needsConnection());
        if (hopeless) {
          this.#running = void 0;
          this.#rejectAll(error);
          this.#setState("disconnected", error);
          throw error;
        }
        if (state === "connecting") await this.#pause(generation);
      }
    }
  }
  async #pause(generation) {
    if (this.#atOnce) {
      this.#atOnce = false;
      return;
    }
    const ms = this.#backoffMs * (0.5 + Math.random() * 0.5);
    this.#backoffMs = Math.min(this.#backoffMs * 2, LAST_BACKOFF_MS);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = void 0;
    this.#stillWanted(generation);
  }
  /** One attempt: token, socket, hello, welcome, then the owner's reattachments. */
  async #attempt(generation) {
    const token = await this.#tokens.fetch();
    this.#stillWanted(generation);
    const socket = await this.#open();
    if (generation !== this.#generation) {
      socket.close(1e3);
      this.#stillWanted(generation);
    }
    this.#socket = socket;
    socket.onmessage = (event) => this.#frame(event.data);
    socket.onclose = (event) => this.#closed(socket, event.code);
    const client = { sdk: `causeway-js/${SDK_VERSION}` };
    if (this.#namesPage && typeof location === "object") client.page = location.href.slice(0, 1024);
    const welcome = await this.#ask(
      { type: "hello", version: PROTOCOL_VERSION, token, client },
      HANDSHAKE_TIMEOUT_MS
    );
    this.#stillWanted(generation);
    this.welcome = welcome;
    this.#readySince = Date.now();
    this.#schedulePing();
    await this.#owner.welcomed(welcome);
    this.#stillWanted(generation);
    if (this.#socket !== socket) throw new CausewayError("connection_lost", "The connection dropped again.");
    this.#setState("connected");
    for (const { id, text } of this.#waiting.splice(0)) if (this.#pending.has(id)) this.#write(text);
  }
  #open() {
    if (typeof WebSocket !== "function") {
      throw new CausewayError("not_supported", "This browser has no WebSocket.");
    }
    let socket;
    try {
      socket = new WebSocket(this.#url, SUBPROTOCOL);
    } catch (error) {
      throw new CausewayError("not_supported", "The address of the box cannot be used.", { cause: error });
    }
    return new Promise((resolve, reject) => {
      const fail = (message) => {
        clearTimeout(timer);
        socket.onopen = socket.onclose = null;
        reject(new CausewayError("connection_lost", message));
        socket.close();
      };
      const timer = setTimeout(() => fail("The box did not answer in time."), HANDSHAKE_TIMEOUT_MS);
      socket.onclose = () => fail("The box cannot be reached.");
      socket.onopen = () => {
        clearTimeout(timer);
        socket.onopen = socket.onclose = null;
        resolve(socket);
      };
    });
  }
  #closed(socket, code, atOnce = false) {
    if (socket !== this.#socket) return;
    const [errorCode, message] = CLOSE_CODES.get(code) ?? ["connection_lost", "The connection to the box dropped."];
    const error = new CausewayError(errorCode, message);
    this.#log.info(`connection closed (${code})`);
    if (Date.now() - this.#readySince >= STABLE_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    const wasConnected = this.connected;
    this.#atOnce = atOnce;
    this.#dropSocket(1e3);
    this.#rejectSent(error);
    if (!wasConnected) return;
    if (this.#owner.needsConnection()) {
      this.#running = this.#run("reconnecting");
      this.#running.catch(() => void 0);
    } else {
      this.#setState("disconnected", error);
    }
  }
  /** The socket is no use any more: behave as if the network had told us. */
  #lost(why, atOnce = false) {
    const socket = this.#socket;
    this.#log.warn(why);
    if (socket) this.#closed(socket, 1006, atOnce);
  }
  #dropSocket(code) {
    const socket = this.#socket;
    this.#socket = void 0;
    this.welcome = void 0;
    clearTimeout(this.#pingTimer);
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close(code);
  }
  #stillWanted(generation) {
    if (generation !== this.#generation) throw new CausewayError("connection_lost", "The connection was closed.");
  }
  #setState(state, error) {
    if (state === this.state) return;
    this.state = state;
    this.#owner.stateChanged(state, error);
  }
  // ---- messages ----
  #ask(request, timeoutMs = REQUEST_TIMEOUT_MS, wait = false) {
    if (this.#pending.size >= PENDING_LIMIT || wait && this.#waiting.length >= WAITING_LIMIT) {
      return Promise.reject(new CausewayError("queue_full", "Too many requests are waiting for the box."));
    }
    const id = this.#nextId++;
    const text = JSON.stringify({ ...request, id });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new CausewayError("timed_out", `The box did not answer ${request.type} in time.`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      if (wait) this.#waiting.push({ id, text });
      else if (!this.#write(text)) this.#settle(id)?.reject(new CausewayError("connection_lost", "The connection to the box is gone."));
    });
  }
  #write(text) {
    const socket = this.#socket;
    if (!socket || socket.readyState !== 1) return false;
    if (socket.bufferedAmount > BUFFERED_LIMIT) {
      this.#lost("the box takes nothing any more");
      return false;
    }
    socket.send(text);
    return true;
  }
  #frame(data) {
    const message = parseMessage(data);
    if (!message) {
      this.#log.warn("an unreadable frame was ignored");
      return;
    }
    this.#log.debug("received", message.type);
    switch (message.type) {
      case "ok":
      case "welcome":
        this.#settle(message.id)?.resolve(message);
        return;
      case "error": {
        const error = new CausewayError(message.code, message.message, { sip: message.sip });
        if (message.id !== void 0) this.#settle(message.id)?.reject(error);
        else this.#owner.received(message);
        return;
      }
      case "token.expiring":
        this.#owner.tokenExpiring(message.expires_in_s);
        return;
      default:
        this.#owner.received(message);
    }
  }
  #settle(id) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
  /** Rejects what was sent and has no answer yet; what waits for the next connection goes on waiting. */
  #rejectSent(error) {
    const lost = error.code === "connection_lost" || !this.connected ? error : new CausewayError("connection_lost", error.message, { cause: error });
    const waiting = new Set(this.#waiting.map((w) => w.id));
    for (const id of [...this.#pending.keys()]) if (!waiting.has(id)) this.#settle(id)?.reject(lost);
  }
  #rejectAll(error) {
    this.#waiting.length = 0;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }
  #schedulePing(afterMs = Math.max(this.welcome?.ping_s ?? 15, 1) * 1e3, patienceMs = PING_TIMEOUT_MS) {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(() => {
      const socket = this.#socket;
      this.#ask({ type: "ping" }, patienceMs).then(
        () => socket === this.#socket && this.#schedulePing(),
        () => socket && socket === this.#socket && this.#lost("the box does not answer pings", patienceMs < PING_TIMEOUT_MS)
      );
    }, afterMs);
  }
};

// src/token.ts
var PROVIDER_TIMEOUT_MS = 15e3;
var TokenSource = class {
  #source;
  constructor(source) {
    if (typeof source !== "function" && (typeof source !== "string" || source === "")) {
      throw new CausewayError("invalid_argument", "A device needs a token or a function that returns one.");
    }
    this.#source = source;
  }
  /** Whether a fresh token can be had without the page's doing. */
  get renewable() {
    return typeof this.#source === "function";
  }
  /** Replaces a kept token; a provider stays what it is. */
  replace(token) {
    if (typeof this.#source === "string") this.#source = token;
  }
  /** The kept token, or a fresh one. Rejects with `token_failed`. */
  async fetch() {
    if (typeof this.#source === "string") return this.#source;
    const provider = this.#source;
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new CausewayError("token_failed", "The token provider did not answer in time.")),
        PROVIDER_TIMEOUT_MS
      );
    });
    try {
      const token = await Promise.race([(async () => provider())(), timeout]);
      if (typeof token !== "string" || token === "") {
        throw new CausewayError("token_failed", "The token provider returned no token.");
      }
      return token;
    } catch (error) {
      throw asCausewayError(error, "token_failed");
    } finally {
      clearTimeout(timer);
    }
  }
};

// src/device.ts
var CALL_LIMIT = 16;
var DEFAULT_RESUME_S = 30;
var REFRESH_ATTEMPTS = 4;
var REFRESH_PAUSE_MS = 5e3;
var Device = class extends Emitter {
  #options;
  #log;
  #tokens;
  #signaling;
  #calls = /* @__PURE__ */ new Map();
  /** Ended here while the box could not be told: hung up when it can. */
  #toHangUp = /* @__PURE__ */ new Map();
  #placings = 0;
  #wantsCalls = false;
  #registered;
  #destroyed = false;
  #resumeTimer;
  #resumeSeconds = DEFAULT_RESUME_S;
  #iceServers = [];
  #url;
  #leaving;
  #wasOffline = false;
  constructor(token, options = {}) {
    super();
    this.#options = options;
    this.#log = new Log(options.logLevel ?? "warn");
    this.#tokens = new TokenSource(token);
    const url = socketAddress(options.url);
    const owner = {
      needsConnection: () => this.#wantsCalls || this.#calls.size > 0 || this.#toHangUp.size > 0,
      stateChanged: (state, error) => this.#connectionChanged(state, error),
      welcomed: (welcome) => this.#welcomed(welcome),
      received: (message) => this.#received(message),
      tokenExpiring: (inSeconds) => void this.#tokenExpiring(inSeconds)
    };
    this.#signaling = new Signaling(url, this.#tokens, owner, this.#log, options.connectTimeoutMs ?? 1e4, options.namesPage ?? true);
    globalThis.addEventListener?.("pagehide", this.#pageHide);
    globalThis.addEventListener?.("offline", this.#offline);
    globalThis.addEventListener?.("online", this.#online);
    networkInformation()?.addEventListener("change", this.#moved);
    this.#url = url;
    if (options.keepOnReload) {
      this.#leaving = new Leaving();
      const kept = take(url, DEFAULT_RESUME_S * 1e3);
      if (kept.length > 0) queueMicrotask(() => void this.#takeUp(kept));
    }
  }
  /** The connection to the box. */
  get connectionState() {
    return this.#signaling.state;
  }
  /** The account calls are received for, while they are. */
  get account() {
    return this.#registered;
  }
  /** The calls that are not over. */
  get calls() {
    return [...this.#calls.values()];
  }
  /**
   * Calls someone. Resolves as soon as the box took the call, before it rings; then listen to the
   * call's events. Rejects when it was refused (`destination_forbidden`, …), when the microphone
   * cannot be had (`mic_denied`, …), or when the box cannot be reached.
   */
  async connect(options) {
    this.#mustLive();
    const { to, audio = true, video = false, from, signal } = options;
    if (typeof to !== "string" || to.trim() === "" || to.length > 255) {
      throw new CausewayError("invalid_argument", "A call needs someone to call: 1 to 255 characters.");
    }
    if (this.#calls.size >= CALL_LIMIT) throw new CausewayError("queue_full", "Too many calls at once.");
    const context = this.#context(options.context);
    const captured = capture({ audio, video, defaults: this.#options.audioConstraints });
    let local;
    let welcome;
    try {
      captured.then(options.captured, () => void 0);
      [local, welcome] = await Promise.all([captured, this.#signaling.connect()]);
      this.#mustLive();
      if (signal?.aborted) throw ended();
    } catch (error) {
      captured.then(stopTracks, () => void 0);
      throw asCausewayError(error, "connection_lost");
    }
    const call = new Call(this.#callOwner, {
      direction: "outgoing",
      from: from ?? welcome.account ?? "",
      to: to.trim(),
      context
    });
    const placing = `placing ${this.#placings += 1}`;
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
  async requestCallback(wish) {
    this.#mustLive();
    return this.#requestCallback({ ...wish, context: this.#context(wish.context) });
  }
  /**
   * Tries every hop that a call needs (microphone, HTTPS, WebSocket, UDP, relay, DTLS, sound) without calling anybody, and
   * names the one that fails with what to do. Takes 2 to 20 s; never rejects for what it finds.
   */
  async preflight(options = {}) {
    this.#mustLive();
    const url = new URL(this.#url);
    const report2 = await preflight(
      {
        origin: `${url.protocol.replace(/^ws/, "http")}//${url.host}`,
        audioConstraints: this.#options.audioConstraints,
        connect: async () => void await this.#signaling.connect(),
        iceServers: () => [...this.#options.iceServers ?? [], ...this.#iceServers],
        test: async (sdp) => (await this.#signaling.request({ type: "media.test", sdp })).sdp ?? ""
      },
      options.audio ?? true
    );
    this.#closeWhenIdle();
    return report2;
  }
  /** Receives the calls of the token's account. Resolves when they arrive here. */
  async register() {
    this.#mustLive();
    this.#wantsCalls = true;
    try {
      const welcome = await this.#signaling.connect();
      if (!welcome.account) {
        throw new CausewayError("account_forbidden", "The token names no account that could be called.");
      }
      this.#announce(welcome.account);
    } catch (error) {
      this.#wantsCalls = false;
      throw asCausewayError(error, "connection_lost");
    }
  }
  /** Receives calls no more. Calls under way go on. */
  async unregister() {
    this.#wantsCalls = false;
    this.#announce(void 0);
    this.#closeWhenIdle();
  }
  /** Takes a new token in place of the one the device was made with. */
  async updateToken(token) {
    this.#mustLive();
    this.#tokens.replace(token);
    if (this.#signaling.connected) await this.#refresh(token);
    else if (this.#calls.size > 0 || this.#wantsCalls) await this.#signaling.connect();
  }
  /** Ends every call, closes the connection and makes the device useless. */
  async destroy() {
    if (this.#destroyed) return;
    this.#destroyed = true;
    globalThis.removeEventListener?.("pagehide", this.#pageHide);
    globalThis.removeEventListener?.("offline", this.#offline);
    globalThis.removeEventListener?.("online", this.#online);
    networkInformation()?.removeEventListener("change", this.#moved);
    this.#leaving?.close();
    this.#wantsCalls = false;
    this.#announce(void 0);
    await Promise.all(this.calls.map((call) => call.disconnect()));
    clearTimeout(this.#resumeTimer);
    this.#toHangUp.clear();
    this.#signaling.close(new CausewayError("destroyed", "The device was destroyed."));
  }
  // ---- calls of the page before ----
  async #takeUp(kept) {
    const video = kept.some((call) => call.video);
    const captured = capture({ audio: true, video, defaults: this.#options.audioConstraints });
    captured.catch(() => void 0);
    for (const { answeredAt, ...parts } of kept) {
      let local;
      try {
        await this.#signaling.connect();
        local = await captured.then((stream) => stream?.clone(), () => void 0);
        if (this.#destroyed) break;
        const call = new Call(this.#callOwner, { ...parts, answeredAt: answeredAt ? new Date(answeredAt) : void 0 });
        await call.takeUp(local, parts.video);
        if (call.state === "ended") continue;
        this.#calls.set(call.id, call);
        this.emit("resumed", call);
      } catch (error) {
        stopTracks(local);
        this.#log.warn("a call of the page before could not be taken up", error);
        this.emit("error", new CausewayError("session_lost", "The call was gone when the page came back.", { cause: error }));
      }
    }
    captured.then(stopTracks, () => void 0);
  }
  async #requestCallback({ number: number2, name, to, context }, call) {
    await this.#signaling.connect();
    const ok = await this.#signaling.request({
      type: "callback.request",
      number: number2,
      ...name ? { name } : void 0,
      ...to ? { to } : void 0,
      ...context ? { context } : void 0,
      ...call === void 0 ? void 0 : { call }
    });
    return ok.callback ?? "";
  }
  // ---- the connection ----
  #connectionChanged(state, error) {
    if (state === "connected") {
      clearTimeout(this.#resumeTimer);
      this.#resumeTimer = void 0;
      for (const call of this.calls) call.signalingBack();
      if (this.#wantsCalls && this.#signaling.welcome?.account) this.#announce(this.#signaling.welcome.account);
    } else {
      if (state === "reconnecting") {
        for (const call of this.calls) call.signalingLost();
        this.#resumeTimer ??= setTimeout(() => this.#sessionLost(), this.#resumeSeconds * 1e3);
      }
      this.#announce(void 0);
    }
    this.emit("connectionState", state);
    if (error && (this.#calls.size > 0 || this.#wantsCalls)) this.emit("error", error);
  }
  async #welcomed(welcome) {
    if (Number.isFinite(welcome.resume_s)) this.#resumeSeconds = welcome.resume_s;
    this.#iceServers = welcome.ice?.servers ?? [];
    for (const [call, resume] of this.#toHangUp) {
      this.#toHangUp.delete(call);
      this.#signaling.requestNow({ type: "call.reattach", call, resume }).then(() => this.#signaling.requestNow({ type: "call.hangup", call })).catch(() => void 0);
    }
    await Promise.all(this.calls.map((call) => call.reattach()));
  }
  /** The box has given up our calls by now. */
  #sessionLost() {
    this.#resumeTimer = void 0;
    this.#toHangUp.clear();
    for (const call of this.calls) call.sessionLost();
    this.#closeWhenIdle();
  }
  #closeWhenIdle() {
    if (!this.#wantsCalls && this.#calls.size === 0 && this.#toHangUp.size === 0) {
      this.#signaling.close(new CausewayError("connection_lost", "The connection was closed."));
    }
  }
  #announce(account) {
    if (account === this.#registered) return;
    this.#registered = account;
    if (account === void 0) this.emit("unregistered");
    else this.emit("registered", account);
  }
  async #refresh(token) {
    const { ice } = await this.#signaling.request({ type: "token.refresh", token });
    if (ice?.servers) this.#iceServers = ice.servers;
  }
  async #tokenExpiring(inSeconds) {
    this.emit("tokenWillExpire", inSeconds);
    if (!this.#tokens.renewable) return;
    for (let attempt = 1; !this.#destroyed && this.#signaling.connected; attempt += 1) {
      try {
        await this.#refresh(await this.#tokens.fetch());
        return;
      } catch (error) {
        if (attempt === REFRESH_ATTEMPTS) {
          this.emit("error", asCausewayError(error, "token_failed"));
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, REFRESH_PAUSE_MS));
      }
    }
  }
  // ---- messages ----
  #received(message) {
    switch (message.type) {
      case "call.incoming":
        this.#incoming(message);
        return;
      case "call.state":
      case "call.answer":
      case "call.dtmf":
      case "call.renegotiate":
      case "call.video":
      case "call.transfer":
      case "call.warning":
        this.#calls.get(message.call)?.received(message);
        return;
      case "error": {
        const error = new CausewayError(message.code, message.message, { sip: message.sip });
        const call = message.call === void 0 ? void 0 : this.#calls.get(message.call);
        if (call) call.failed(error);
        else this.emit("error", error);
        return;
      }
      default:
        this.#log.info("a message of a newer box was ignored");
    }
  }
  #incoming(message) {
    if (this.#calls.has(message.call)) return;
    if (!this.#wantsCalls) {
      this.#log.info("an incoming call was left alone: the device is not registered");
      return;
    }
    if (this.#calls.size >= CALL_LIMIT || this.listenerCount("incoming") === 0) {
      this.#signaling.request({ type: "call.reject", call: message.call, reason: "busy" }).catch(() => void 0);
      return;
    }
    const call = new Call(this.#callOwner, {
      direction: "incoming",
      from: message.from.number,
      fromName: message.from.name,
      to: message.to,
      contextToken: message.context,
      divertedFrom: message.diverted_from,
      id: message.call,
      resume: message.resume
    });
    this.#calls.set(message.call, call);
    this.emit("incoming", call);
  }
  // ---- what calls need ----
  get #callOwner() {
    const { codec = "auto", audioConstraints, iceTransportPolicy = "all", outputDeviceId, iceServers = [] } = this.#options;
    return {
      signaling: this.#signaling,
      log: this.#log,
      codec,
      audioConstraints,
      iceTransportPolicy,
      outputDeviceId,
      iceServers: () => [...iceServers, ...this.#iceServers],
      requestCallback: (wish, call) => this.#requestCallback(wish, call),
      callError: (call, error) => this.emit("error", error, call),
      callEnded: (call, resume, hangUpLater) => {
        this.#calls.delete(call.id);
        if (hangUpLater && resume !== void 0 && !this.#destroyed) this.#toHangUp.set(call.id, resume);
      }
    };
  }
  #context(own) {
    if (own !== void 0 && (typeof own !== "object" || own === null || Array.isArray(own))) {
      throw new CausewayError("invalid_argument", "The context is an object.");
    }
    let bare;
    try {
      bare = JSON.stringify(own ?? {});
    } catch (error) {
      throw new CausewayError("invalid_argument", "The context cannot be written as JSON.", { cause: error });
    }
    if (bytes(bare) > CONTEXT_LIMIT) throw new CausewayError("too_large", "The context is larger than 8 KiB.");
    const context = JSON.parse(bare);
    if (this.#options.pageContext !== false && typeof document === "object" && context["page"] === void 0) {
      const { title, referrer } = document;
      const page = { url: location.href.slice(0, 2048), title: title.slice(0, 256), referrer: referrer.slice(0, 1024) };
      if (bytes(JSON.stringify({ ...context, page })) <= CONTEXT_LIMIT) context["page"] = page;
    }
    return Object.keys(context).length > 0 ? context : void 0;
  }
  #mustLive() {
    if (this.#destroyed) throw new CausewayError("destroyed", "The device was destroyed.");
  }
  /** The browser may be in another network. */
  #moved = () => {
    this.#signaling.doubt();
    for (const call of this.calls) call.moved();
  };
  #offline = () => {
    this.#wasOffline = true;
  };
  #online = () => {
    if (this.#wasOffline) this.#signaling.renew();
    this.#wasOffline = false;
    this.#moved();
  };
  #pageHide = () => {
    if (this.#options.keepOnReload && this.#leaving?.comesBack()) {
      const kept = this.calls.map((call) => call.kept()).filter((call) => call !== void 0);
      if (keep(this.#url, kept, this.#log)) {
        for (const call of this.calls) call.kept() ? call.letGo() : call.drop();
        return;
      }
    }
    if (this.#options.hangupOnUnload === false) return;
    for (const call of this.calls) call.drop();
    this.#closeWhenIdle();
  };
};
function networkInformation() {
  return globalThis.navigator?.connection;
}
function bytes(text) {
  return new TextEncoder().encode(text).length;
}
function socketAddress(given) {
  let base = given;
  if (base === void 0 && /^https?:.*\/sdk\/v1\/[^/]*$/.test(import.meta.url)) base = new URL("/", import.meta.url).href;
  if (base === void 0 && typeof location === "object") base = location.origin;
  try {
    const url = new URL(base ?? "", typeof location === "object" ? location.href : void 0);
    url.protocol = url.protocol.replace(/^http/, "ws");
    if (url.pathname === "/") url.pathname = SOCKET_PATH;
    if (url.protocol !== "ws:" && url.protocol !== "wss:") throw new Error(url.protocol);
    url.hash = "";
    return url.href;
  } catch (error) {
    throw new CausewayError("invalid_argument", "The option url is not the address of a box.", { cause: error });
  }
}
export {
  Call,
  CausewayError,
  Device,
  Emitter,
  LevelMeter,
  SDK_VERSION
};
