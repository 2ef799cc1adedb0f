/** What can go wrong, each with a stable code a page can branch on. */

/** Codes the box sends (see the protocol's table of errors). */
export type ServerErrorCode =
  | 'bad_request'
  | 'bad_sdp'
  | 'auth_failed'
  | 'token_expired'
  | 'origin_forbidden'
  | 'destination_forbidden'
  | 'destination_unknown'
  | 'account_forbidden'
  | 'call_not_found'
  | 'wrong_state'
  | 'refused'
  | 'timed_out'
  | 'too_large'
  | 'rate_limited'
  | 'unsupported'
  | 'not_found'
  | 'internal';

/** Codes the SDK itself finds in the browser or on the way to the box. */
export type ClientErrorCode =
  /** An argument of an SDK method cannot be used. */
  | 'invalid_argument'
  /** The browser lacks something, or the page is not a secure context. */
  | 'not_supported'
  /** The user or a policy refused the microphone. */
  | 'mic_denied'
  /** No microphone fits. */
  | 'mic_missing'
  /** The microphone exists and cannot be opened, usually because another program holds it. */
  | 'mic_busy'
  /** The same three for the camera, when only a camera was asked for. */
  | 'camera_denied'
  | 'camera_missing'
  | 'camera_busy'
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
export type ErrorCode = ServerErrorCode | ClientErrorCode | (string & {});

/** What SIP said, when a SIP answer stands behind an error or an ended call. */
export interface SipCause {
  /** SIP status, 300…699. */
  status: number;
  /** The reason phrase beside the status. */
  reason: string;
  /** The Reason header (RFC 3326), usually a Q.850 value. */
  cause?: { protocol: string; value: number; text?: string };
}

/** The one error type of the SDK: every rejected promise and every `error` event carries it. */
export class CausewayError extends Error {
  /** Stable, lower case, for programs. */
  readonly code: ErrorCode;
  /** The SIP answer behind it, when there is one. */
  readonly sip: SipCause | undefined;

  constructor(code: ErrorCode, message: string, extra: { sip?: SipCause | undefined; cause?: unknown } = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.name = 'CausewayError';
    this.code = code;
    this.sip = extra.sip;
  }
}

/** Gives any thrown value the SDK's error type, keeping the original as `cause`. @internal */
export function asCausewayError(error: unknown, code: ErrorCode): CausewayError {
  if (error instanceof CausewayError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CausewayError(code, message, { cause: error });
}
