// Causeway SDK 0.1.0. SPDX-License-Identifier: Apache-2.0 OR MIT
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
/** A call. Made by `device.connect()` or handed to the device's `incoming` listeners. */
declare class Call extends Emitter<CallEvents> {
    #private;
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
    /** The box's name for the call; empty until it is placed. */
    get id(): string;
    get state(): CallState;
    /** Whether anyone holds the call. */
    get held(): boolean;
    get heldBy(): HeldBy | null;
    get muted(): boolean;
    /** Whether both sides have agreed on a picture. */
    get video(): boolean;
    /** The audio codec between browser and box, once known. */
    get codec(): string | undefined;
    /** Why the call ended; nothing before. */
    get cause(): DisconnectCause | undefined;
    get answeredAt(): Date | undefined;
    /** Seconds since the answer, standing still once the call ended. */
    get duration(): number;
    /** Whether connection or media dropped and is being sought. */
    get reconnecting(): boolean;
    get localStream(): MediaStream | undefined;
    get remoteStream(): MediaStream | undefined;
    /** The browser's connection, for figures and diagnosis. Changing it breaks the call. */
    get peerConnection(): RTCPeerConnection | undefined;
    /** Answers an incoming call. Resolves when the box took it; rejects and leaves it ringing when not. */
    accept(options?: AcceptOptions): Promise<void>;
    /** Refuses an incoming call. */
    reject(reason?: 'busy' | 'declined'): Promise<void>;
    /** Ends the call, or gives up one that nobody answered yet. Resolves when it is over; never rejects. */
    disconnect(): Promise<void>;
    /**
     * Holds the call: nothing is sent and nothing heard. Resolves when the far side agreed; rejects
     * (`refused`, `timed_out`, …) with everything as it was before.
     */
    hold(): Promise<void>;
    /** Takes the call off hold, as far as we held it. */
    resume(): Promise<void>;
    /**
     * Hands the far side on: to a number, or to the far side of another answered call of this device.
     * Resolves when they have each other; the call, and the other one, then end with the cause
     * `transferred`. Rejects (`refused`, `timed_out`, `destination_forbidden`, …) with the call as it was.
     */
    transfer(target: string | Call): Promise<void>;
    /**
     * Leaves a number to be called at, also after the end. Resolves with the box's name for the wish when somebody has
     * taken it; rejects with `refused` when nobody takes any, so that the page promises nothing.
     */
    requestCallback(number: string, options?: {
        name?: string;
        context?: Record<string, unknown>;
    }): Promise<string>;
    /** Silences the microphone, or with `false` opens it again. Only here: the far side is not told. */
    mute(muted?: boolean): void;
    /** Presses digits: `0-9 A-D * #`, `,` pauses. Resolves when all are sent; calls queue in order. */
    sendDigits(digits: string, options?: DigitOptions): Promise<void>;
    /** The browser's figures about this call's audio. */
    getStats(): Promise<CallStats>;
    /** Changes the microphone in mid-call. A stream given is cloned. */
    setInput(audio: Exclude<AudioSource, boolean>): Promise<void>;
    /**
     * Shows the camera to the far side, and the far side's picture here; with `false` both end. The sound goes on. Resolves
     * when it is so; rejects (`refused` where the far side has no pictures, `camera_denied`, …) with the call as it was.
     */
    setVideo(video: VideoSource): Promise<void>;
    /** Chooses the loudspeaker by device id. Rejects with `not_supported` or `output_failed`. */
    setOutput(deviceId: string): Promise<void>;
    /** How loud the far side is played, 0…1. */
    setVolume(volume: number): void;
}

/** What a page hands to a call, looked at before the box is asked. */

/** How a call ends from this side. */

/**
 * A call's media, from microphone to loudspeaker: the connection to the box and what keeps it
 * going, the candidates, the figures and the loudness. It knows no call states; the call tells it
 * when to send and hear, and it tells the call what became of the media.
 */

/** The types around a call: its states, its events, and what it is made from. */
/** Where a call stands. */
type CallState = 'placing' | 'incoming' | 'trying' | 'ringing' | 'early_media' | 'answered' | 'held' | 'ended';
/** The events of a call and what their listeners are given. */
type CallEvents = {
    /** The call is on its way. */
    trying: [];
    /** The far side rings. */
    ringing: [];
    /** The far side is heard before it answers: announcements, ringback tones. */
    earlyMedia: [];
    /** The call is answered. */
    accept: [];
    /** The call is held, or held by others than before. */
    hold: [heldBy: HeldBy];
    /** Nobody holds the call any more. */
    unhold: [];
    /** The call is over. Comes exactly once and last, for every call, whatever ended it. */
    disconnect: [cause: DisconnectCause];
    /** Before `disconnect`: the caller gave up, or the call was answered elsewhere. */
    cancel: [cause: DisconnectCause];
    /** Before `disconnect`: the called side refused. */
    reject: [cause: DisconnectCause];
    /** Something failed that no promise tells of. The call goes on unless `disconnect` follows. */
    error: [error: CausewayError];
    /** The call cannot come about: ask for a number and offer `call.requestCallback()`. `disconnect` follows. */
    callbackOffered: [reason: CausewayError];
    /** Connection or media dropped and is sought again (`connection_lost`, `media_lost`). */
    reconnecting: [error: CausewayError];
    reconnected: [];
    warning: [warning: CallWarning];
    warningCleared: [code: string];
    /** How a transfer goes: the SIP status of the call to the new party, such as 180 when it rings. */
    transferProgress: [status: number];
    /** The far side pressed a digit. */
    dtmf: [digit: string, durationMs: number];
    mute: [muted: boolean];
    /**
     * Both sides have agreed on a picture, or there is none any more; `remoteStream` and `localStream` have their tracks
     * by then. Whoever wants to be seen as well calls `setVideo(true)`.
     */
    video: [video: boolean];
    /** Loudness sent and received, 0…1, ten times a second while anyone listens. */
    volume: [input: number, output: number];
};
interface AcceptOptions {
    /** What to send. Default: the microphone. */
    audio?: AudioSource;
    video?: boolean | MediaTrackConstraints;
}
interface DigitOptions {
    /** Length of each tone, 40…2000 ms. Default 100. */
    duration?: number;
    /** Silence between two, 30…2000 ms. Default 70. */
    gap?: number;
}

/** The page's end of the box: places calls, receives them, keeps the connection they share. */
interface DeviceOptions {
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
    /** How long the first connection may take, in milliseconds. Default 10 000. */
    connectTimeoutMs?: number;
}
interface ConnectOptions {
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
}
/** The events of a device and what their listeners are given. */
type DeviceEvents = {
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
/** A device. Nothing happens before the first `connect()` or `register()`. */
declare class Device extends Emitter<DeviceEvents> {
    #private;
    constructor(token: TokenOrProvider, options?: DeviceOptions);
    /** The connection to the box. */
    get connectionState(): ConnectionState;
    /** The account calls are received for, while they are. */
    get account(): string | undefined;
    /** The calls that are not over. */
    get calls(): Call[];
    /**
     * Calls someone. Resolves as soon as the box took the call, before it rings; then listen to the
     * call's events. Rejects when it was refused (`destination_forbidden`, …), when the microphone
     * cannot be had (`mic_denied`, …), or when the box cannot be reached.
     */
    connect(options: ConnectOptions): Promise<Call>;
    /**
     * Leaves a number to be called at, when a call cannot be made: no microphone, no way for sound. Resolves with the box's
     * name for the wish when somebody has taken it; rejects with `refused` when nobody takes any.
     */
    requestCallback(wish: CallbackWish): Promise<string>;
    /**
     * Tries every hop that a call needs (microphone, HTTPS, WebSocket, UDP, relay, DTLS, sound) without calling anybody, and
     * names the one that fails with what to do. Takes 2 to 20 s; never rejects for what it finds.
     */
    preflight(options?: {
        audio?: AudioSource;
    }): Promise<PreflightReport>;
    /** Receives the calls of the token's account. Resolves when they arrive here. */
    register(): Promise<void>;
    /** Receives calls no more. Calls under way go on. */
    unregister(): Promise<void>;
    /** Takes a new token in place of the one the device was made with. */
    updateToken(token: string): Promise<void>;
    /** Ends every call, closes the connection and makes the device useless. */
    destroy(): Promise<void>;
}

/** What can go wrong, each with a stable code a page can branch on. */
/** Codes the box sends (see the protocol's table of errors). */
type ServerErrorCode = 'bad_request' | 'bad_sdp' | 'auth_failed' | 'token_expired' | 'origin_forbidden' | 'destination_forbidden' | 'destination_unknown' | 'account_forbidden' | 'call_not_found' | 'wrong_state' | 'refused' | 'timed_out' | 'too_large' | 'rate_limited' | 'unsupported' | 'not_found' | 'internal';
/** Codes the SDK itself finds in the browser or on the way to the box. */
type ClientErrorCode = 
/** An argument of an SDK method cannot be used. */
'invalid_argument'
/** The browser lacks something, or the page is not a secure context. */
 | 'not_supported'
/** The user or a policy refused the microphone. */
 | 'mic_denied'
/** No microphone fits. */
 | 'mic_missing'
/** The microphone exists and cannot be opened, usually because another program holds it. */
 | 'mic_busy'
/** The same three for the camera, when only a camera was asked for. */
 | 'camera_denied' | 'camera_missing' | 'camera_busy'
/** The browser will not play sound before the user touches the page; played at the next touch. */
 | 'autoplay_blocked'
/** The chosen loudspeaker cannot be used. */
 | 'output_failed'
/** The token provider threw, returned nothing, or took too long. */
 | 'token_failed'
/** The box cannot be reached, or the connection dropped with the answer still open. */
 | 'connection_lost'
/** Audio no longer flows between browser and box. */
 | 'media_lost'
/** Audio never began to flow, or the answer of the box could not be applied. */
 | 'media_failed'
/** This network leaves no way for media: nothing will be heard. The message says what does not pass. */
 | 'no_path'
/** Too many operations are waiting. */
 | 'queue_full'
/** The call is over. */
 | 'call_ended'
/** The device was destroyed. */
 | 'destroyed';
/** Every code; a newer box may send codes this list does not know. */
type ErrorCode = ServerErrorCode | ClientErrorCode | (string & {});
/** What SIP said, when a SIP answer stands behind an error or an ended call. */
interface SipCause {
    /** SIP status, 300…699. */
    status: number;
    /** The reason phrase beside the status. */
    reason: string;
    /** The Reason header (RFC 3326), usually a Q.850 value. */
    cause?: {
        protocol: string;
        value: number;
        text?: string;
    };
}
/** The one error type of the SDK: every rejected promise and every `error` event carries it. */
declare class CausewayError extends Error {
    /** Stable, lower case, for programs. */
    readonly code: ErrorCode;
    /** The SIP answer behind it, when there is one. */
    readonly sip: SipCause | undefined;
    constructor(code: ErrorCode, message: string, extra?: {
        sip?: SipCause | undefined;
        cause?: unknown;
    });
}

/** A small typed event emitter. */
/** Event names and the arguments of their listeners. */
type EventMap = {
    [event: string]: unknown[];
};
type Listener<A extends unknown[]> = (...args: A) => void;
/**
 * `on`, `once` and `off`, typed by an event map. A listener that throws is reported to the
 * browser's console as an uncaught error and disturbs neither the SDK nor other listeners.
 */
declare class Emitter<M extends EventMap> {
    #private;
    /** Calls `listener` at every `event`, until `off`. */
    on<E extends keyof M>(event: E, listener: Listener<M[E]>): this;
    /** Calls `listener` at the next `event` only. */
    once<E extends keyof M>(event: E, listener: Listener<M[E]>): this;
    /** Removes one listener, or all of the event when none is named. */
    off<E extends keyof M>(event: E, listener?: Listener<M[E]>): this;
    /** How many listeners an event has. */
    listenerCount(event: keyof M): number;
}

/**
 * Watches whether sound comes in, which tells of a network that has gone seconds before the browser does.
 *
 * Silence alone proves nothing: a telephone system may send none. So it is told once, and again only after sound has come
 * in between; and what has come of it is seen by the path's own checks, which the box always answers.
 */

/** A page's wishes to hold its call and to take it up again, one after the other. */

/**
 * Calls that outlive their page: written down when it goes, read once by the next page of the same tab and origin.
 *
 * What is written holds each call's secret, so it lies in `sessionStorage` (this tab, this origin) for the seconds the box
 * keeps the call, and never in an address.
 */

/** How loud a stream is, for a meter on the page. */
/**
 * Measures the loudness of a stream's audio with an AnalyserNode. Read `level` as often as the
 * meter is drawn. Browsers keep the audio clock still until the user has touched the page:
 * `level` is 0 till then.
 */
declare class LevelMeter {
    #private;
    /** All meters of a page share one AudioContext unless one is given. */
    constructor(stream: MediaStream, context?: AudioContext);
    /** Root mean square of the last 20 ms or so, 0…1. */
    get level(): number;
    /** The same in decibels below full scale, −100…0. */
    get decibels(): number;
    /** Lets go of the stream. */
    close(): void;
}

/** Where the SDK's own words go. Tokens, resume secrets and SDP are never among them. */
type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/**
 * Requests whose answer got lost with the connection. They may have been done all the same: the snapshot after
 * reattaching tells.
 */

/** Microphone in, loudspeaker out: what a call needs of the browser besides the connection itself. */
/** `true` for the default microphone, constraints, an own stream, or `false` to only listen. */
type AudioSource = boolean | MediaTrackConstraints | MediaStreamConstraints | MediaStream;

/** Looks at a call's figures every few seconds: reports them to the box, warns the page. */
/** A thing worth telling the user while it lasts. */
interface CallWarning {
    /** `high_loss`, `high_jitter`, `high_rtt`, `media_interrupted`, `mic_ended`, or a code of the box: `no_media`, `low_quality`. */
    code: string;
    message: string;
}

/** Runs operations one after the other, a bounded number waiting. */

/**
 * Opens the loudspeaker before there is something to hear. Opening takes up to two seconds, and Firefox shows no moving
 * picture of a call before its sound plays: so it is done while the call is still being made or rings.
 */

/**
 * Says soon when a connection will find no way to the box, instead of when the browser gives up after half a minute.
 *
 * A check that is answered at all is answered within seconds, and so is a relay. So a call is without a way when for
 * `NO_RELAY_MS` after the answer no check was answered and the relay was not reached either; with the relay reached, when
 * nothing came through it for `SILENT_RELAY_MS`.
 */

/** One call's connection to the box: offer, answer, candidates, tracks. The browser always offers. */
/** Which audio codec is offered first. `auto` leaves the browser's order. */
type CodecPreference = 'auto' | 'opus' | 'pcmu' | 'pcma';

/**
 * Tries every hop between the user's mouth and the box before a call needs them, and names the one that fails.
 *
 * Each hop is tried on its own, so that one blocked way does not hide another: UDP alone, TCP alone, the relay alone. Handshake
 * and sound take the best way there is. A browser tells a page nothing of names: where HTTPS fails, `dns`
 * stays open.
 */
/** In the order in which a call needs them. */
type Hop = 'microphone' | 'dns' | 'https' | 'websocket' | 'udp' | 'tcp' | 'turn' | 'dtls' | 'media';
interface PreflightHop {
    hop: Hop;
    /** `skipped`: a hop before it failed, or there is nothing to try. */
    result: 'ok' | 'failed' | 'skipped';
    /** What was found, in one sentence. */
    message: string;
    /** What to do about it, when it failed. */
    advice?: string;
    ms: number;
}
interface PreflightReport {
    /** Calls can be made and heard. */
    ok: boolean;
    /** The first hop without which no call can be; nothing when calls can be made. */
    failing?: Hop;
    hops: PreflightHop[];
}

/** The messages of the Causeway web protocol, version 1, as they are on the wire. */
declare const PROTOCOL_VERSION = 1;
declare const SUBPROTOCOL = "causeway.v1";
declare const SOCKET_PATH = "/api/v1/ws";
/** The box refuses a larger context with `too_large`. Bytes of its JSON in UTF-8. */
declare const CONTEXT_LIMIT: number;
/** The states the box reports. */
type WireCallState = 'incoming' | 'trying' | 'ringing' | 'early_media' | 'answered' | 'held' | 'ended';
/** Who holds a call. */
type HeldBy = 'local' | 'remote' | 'both';
/** Why a call ended. */
type CauseCode = 'hangup' | 'transferred' | 'cancelled' | 'answered_elsewhere' | 'busy' | 'declined' | 'no_answer' | 'not_found' | 'not_allowed' | 'unavailable' | 'unreachable' | 'incompatible' | 'media_lost' | 'remote_media_lost' | 'media_failed' | 'session_lost' | 'failed' | 'box_stopping' | (string & {});
/** Why and by whose hand a call ended. */
interface DisconnectCause {
    code: CauseCode;
    /** One English sentence. */
    message: string;
    by: 'local' | 'remote' | 'box';
    /** The SIP answer behind it, when there is one. */
    sip?: SipCause;
}
/** A call's state as `call.state` and the answer to `call.reattach` carry it. */
interface WireState {
    state: WireCallState;
    seq: number;
    held_by?: HeldBy | null;
    codec?: string | null;
    cause?: DisconnectCause | null;
}
interface Welcome {
    type: 'welcome';
    id: number;
    session: string;
    box: {
        name: string;
        version: string;
    };
    account: string | null;
    expires_at: string;
    /** Seconds a call outlives its socket. */
    resume_s: number;
    /** Seconds between two pings. */
    ping_s: number;
    ice?: {
        servers?: RTCIceServer[];
    };
}
interface OkMessage {
    type: 'ok';
    id: number;
    call?: string;
    resume?: string;
    /** The answer to the offer of a test. */
    sdp?: string;
    /** The box's name for a wish to be called. */
    callback?: string;
    /** With a new token: the relay's credentials are no older than it. */
    ice?: {
        servers?: RTCIceServer[];
    };
    state?: WireState & {
        call: string;
        answer?: string | null;
        video?: boolean;
    };
}
interface ErrorMessage {
    type: 'error';
    id?: number;
    call?: string;
    code: ErrorCode;
    message: string;
    sip?: SipCause;
}
interface IncomingMessage {
    type: 'call.incoming';
    call: string;
    resume: string;
    from: {
        number: string;
        name?: string;
    };
    to: string;
    diverted_from?: string;
    context?: string;
    expires_s: number;
}
/** Messages about one call. */
type CallMessage = {
    type: 'call.answer';
    call: string;
    sdp: string;
} | {
    type: 'call.renegotiate';
    call: string;
} | {
    type: 'call.video';
    call: string;
    video: boolean;
} | ({
    type: 'call.state';
    call: string;
} & WireState) | {
    type: 'call.dtmf';
    call: string;
    digit: string;
    duration_ms: number;
} | {
    type: 'call.transfer';
    call: string;
    status: number;
} | {
    type: 'call.warning';
    call: string;
    code: string;
    message: string;
};
type ServerMessage = Welcome | OkMessage | ErrorMessage | IncomingMessage | CallMessage | {
    type: 'token.expiring';
    expires_in_s: number;
};
/** Requests: `id` is added by the signalling connection. */
type Request = {
    type: 'hello';
    version: number;
    token: string;
    client: {
        sdk: string;
        page?: string;
    };
} | {
    type: 'token.refresh';
    token: string;
} | {
    type: 'ping';
} | {
    type: 'call.place';
    to: string;
    sdp: string;
    context?: object;
    audio: boolean;
    video: boolean;
    from?: string;
} | {
    type: 'call.accept';
    call: string;
    sdp: string;
} | {
    type: 'call.reject';
    call: string;
    reason?: 'busy' | 'declined';
} | {
    type: 'call.hangup';
    call: string;
    reason?: 'no_path';
} | {
    type: 'call.hold' | 'call.resume';
    call: string;
} | {
    type: 'call.video';
    call: string;
    video: boolean;
} | {
    type: 'call.dtmf';
    call: string;
    digits: string;
    duration_ms?: number;
    gap_ms?: number;
} | {
    type: 'call.transfer';
    call: string;
    to: string;
} | {
    type: 'call.transfer';
    call: string;
    with: string;
} | {
    type: 'call.restart';
    call: string;
    sdp: string;
} | {
    type: 'call.reattach';
    call: string;
    resume: string;
    sdp?: string;
    video?: boolean;
} | {
    type: 'media.test';
    sdp: string;
} | ({
    type: 'callback.request';
    call?: string;
} & CallbackWish);
/** What somebody leaves who wants to be called. */
interface CallbackWish {
    /** 3 to 20 digits, perhaps behind a `+`; blanks, dashes, dots, slashes and brackets may lie between. */
    number: string;
    name?: string;
    /** Whom they wanted to speak to. */
    to?: string;
    /** JSON for the contact centre; at most 8 KiB. */
    context?: object;
}
/** Messages nobody answers. */
type Notice = {
    type: 'call.candidate';
    call: string;
    candidate: WireCandidate | null;
} | {
    type: 'call.report';
    call: string;
    stats: object;
};
interface WireCandidate {
    candidate: string;
    sdpMid: string | null;
    sdpMLineIndex: number | null;
}
/** Reads one frame; nothing when it is not a message. */
declare function parseMessage(data: unknown): ServerMessage | undefined;

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
type ConnectionState = 'disconnected' | 'connecting' | 'connected' | 'reconnecting';

/** The browser's own figures about a call's audio, from its long reports to one flat record. */
/** Figures of one call's audio as the browser counts them. */
interface CallStats {
    /** What is sent, e.g. `opus` or `PCMU`. */
    codec: string | undefined;
    packetsSent: number;
    bytesSent: number;
    packetsReceived: number;
    bytesReceived: number;
    /**
     * The way media takes: straight to the box over `udp` or `tcp`, or by its relay, reached over `relay_udp`, `relay_tcp` or
     * `relay_tls`.
     */
    path: MediaPath | undefined;
    /** Packets from the box that never came. */
    packetsLost: number;
    /** Packets of ours the box missed, when it says so. */
    remotePacketsLost: number | undefined;
    /** Interarrival jitter of what is received, milliseconds. */
    jitterMs: number | undefined;
    /** Browser to box and back, milliseconds. */
    rttMs: number | undefined;
    /** Loudness received, 0…1, as the browser measures it. */
    audioLevel: number | undefined;
    /** Samples played that were invented to hide losses, of all played. */
    concealedSamples: number | undefined;
    totalSamples: number | undefined;
    /** SSRCs on the wire; neither changes in the life of a call. */
    outboundSsrc: number | undefined;
    inboundSsrc: number | undefined;
}
/** See {@link CallStats.path}. */
type MediaPath = 'udp' | 'tcp' | 'relay_udp' | 'relay_tcp' | 'relay_tls';

/** Where tokens come from: a string kept, or a function of the page asked each time. */
/** A token, or a function that fetches a fresh one from the page's own server. */
type TokenOrProvider = string | (() => Promise<string> | string);

/** What is wrong with a call while it lasts: each told when it begins and when it ends, once. */

/** The SDK's version; a test holds it equal to the package's. */
declare const SDK_VERSION = "0.1.0";

/**
 * The picture of a call that stands: it begins and ends while the sound goes on.
 *
 * | who | what happens |
 * |---|---|
 * | the page wants to show its camera | the far side is asked; once it agrees, the camera is brought by a new offer |
 * | the far side shows something | what shows it is brought by a new offer; the camera stays off until the page wants it |
 * | either wants it over | camera off, tracks taken away by a new offer |
 *
 * One change after the other; what the box says meanwhile is followed when its turn comes.
 */
/** `true` for the default camera, constraints, a stream of the page's own (which is cloned), or `false` for no picture. */
type VideoSource = boolean | MediaTrackConstraints | MediaStream;

export { Call };
export type { AcceptOptions, CallEvents, CallState, DigitOptions };
export { Device };
export type { ConnectOptions, DeviceEvents, DeviceOptions };
export { CausewayError };
export type { ClientErrorCode, ErrorCode, ServerErrorCode, SipCause };
export { Emitter };
export type { EventMap };
export { LevelMeter };
export type { LogLevel };
export type { AudioSource };
export type { VideoSource };
export type { CallWarning };
export type { CodecPreference };
export type { Hop, PreflightHop, PreflightReport };
export type { CallbackWish, CauseCode, DisconnectCause, HeldBy };
export type { ConnectionState };
export type { CallStats, MediaPath };
export type { TokenOrProvider };
export { SDK_VERSION };
