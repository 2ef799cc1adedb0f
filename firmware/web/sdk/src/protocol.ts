/** The messages of the Causeway web protocol, version 1, as they are on the wire. */

import type { ErrorCode, SipCause } from './errors';

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = 'causeway.v1';
export const SOCKET_PATH = '/api/v1/ws';
/** The box refuses a larger context with `too_large`. Bytes of its JSON in UTF-8. */
export const CONTEXT_LIMIT = 8 * 1024;

/** The states the box reports. */
export type WireCallState = 'incoming' | 'trying' | 'ringing' | 'early_media' | 'answered' | 'held' | 'ended';

/** Who holds a call. */
export type HeldBy = 'local' | 'remote' | 'both';

/** Why a call ended. */
export type CauseCode =
  | 'hangup'
  | 'transferred'
  | 'cancelled'
  | 'answered_elsewhere'
  | 'busy'
  | 'declined'
  | 'no_answer'
  | 'not_found'
  | 'not_allowed'
  | 'unavailable'
  | 'unreachable'
  | 'incompatible'
  | 'media_lost'
  | 'remote_media_lost'
  | 'media_failed'
  | 'session_lost'
  | 'failed'
  | 'box_stopping'
  | (string & {});

/** Why and by whose hand a call ended. */
export interface DisconnectCause {
  code: CauseCode;
  /** One English sentence. */
  message: string;
  by: 'local' | 'remote' | 'box';
  /** The SIP answer behind it, when there is one. */
  sip?: SipCause;
}

/** A call's state as `call.state` and the answer to `call.reattach` carry it. */
export interface WireState {
  state: WireCallState;
  seq: number;
  held_by?: HeldBy | null;
  codec?: string | null;
  cause?: DisconnectCause | null;
}

export interface Welcome {
  type: 'welcome';
  id: number;
  session: string;
  box: { name: string; version: string };
  account: string | null;
  expires_at: string;
  /** Seconds a call outlives its socket. */
  resume_s: number;
  /** Seconds between two pings. */
  ping_s: number;
  ice?: { servers?: RTCIceServer[] };
}

export interface OkMessage {
  type: 'ok';
  id: number;
  call?: string;
  resume?: string;
  /** The answer to the offer of a test. */
  sdp?: string;
  /** The box's name for a wish to be called. */
  callback?: string;
  /** With a new token: the relay's credentials are no older than it. */
  ice?: { servers?: RTCIceServer[] };
  state?: WireState & { call: string; answer?: string | null; video?: boolean };
}

export interface ErrorMessage {
  type: 'error';
  id?: number;
  call?: string;
  code: ErrorCode;
  message: string;
  sip?: SipCause;
}

export interface IncomingMessage {
  type: 'call.incoming';
  call: string;
  resume: string;
  from: { number: string; name?: string };
  to: string;
  diverted_from?: string;
  context?: string;
  expires_s: number;
}

/** Messages about one call. */
export type CallMessage =
  | { type: 'call.answer'; call: string; sdp: string }
  | { type: 'call.renegotiate'; call: string }
  | { type: 'call.video'; call: string; video: boolean }
  | ({ type: 'call.state'; call: string } & WireState)
  | { type: 'call.dtmf'; call: string; digit: string; duration_ms: number }
  | { type: 'call.transfer'; call: string; status: number }
  | { type: 'call.warning'; call: string; code: string; message: string };

export type ServerMessage =
  | Welcome
  | OkMessage
  | ErrorMessage
  | IncomingMessage
  | CallMessage
  | { type: 'token.expiring'; expires_in_s: number };

/** Requests: `id` is added by the signalling connection. */
export type Request =
  | { type: 'hello'; version: number; token: string; client: { sdk: string; page?: string } }
  | { type: 'token.refresh'; token: string }
  | { type: 'ping' }
  | { type: 'call.place'; to: string; sdp: string; context?: object; audio: boolean; video: boolean; from?: string }
  | { type: 'call.accept'; call: string; sdp: string }
  | { type: 'call.reject'; call: string; reason?: 'busy' | 'declined' }
  | { type: 'call.hangup'; call: string; reason?: 'no_path' }
  | { type: 'call.hold' | 'call.resume'; call: string }
  | { type: 'call.video'; call: string; video: boolean }
  | { type: 'call.dtmf'; call: string; digits: string; duration_ms?: number; gap_ms?: number }
  | { type: 'call.transfer'; call: string; to: string }
  | { type: 'call.transfer'; call: string; with: string }
  | { type: 'call.restart'; call: string; sdp: string }
  | { type: 'call.reattach'; call: string; resume: string; sdp?: string; video?: boolean }
  | { type: 'media.test'; sdp: string }
  | ({ type: 'callback.request'; call?: string } & CallbackWish);

/** What somebody leaves who wants to be called. */
export interface CallbackWish {
  /** 3 to 20 digits, perhaps behind a `+`; blanks, dashes, dots, slashes and brackets may lie between. */
  number: string;
  name?: string;
  /** Whom they wanted to speak to. */
  to?: string;
  /** JSON for the contact centre; at most 8 KiB. */
  context?: object;
}

/** Messages nobody answers. */
export type Notice =
  | { type: 'call.candidate'; call: string; candidate: WireCandidate | null }
  | { type: 'call.report'; call: string; stats: object };

export interface WireCandidate {
  candidate: string;
  sdpMid: string | null;
  sdpMLineIndex: number | null;
}

/** Reads one frame; nothing when it is not a message. */
export function parseMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== 'object' || value === null) return undefined;
    return typeof (value as { type?: unknown }).type === 'string' ? (value as ServerMessage) : undefined;
  } catch {
    return undefined;
  }
}
