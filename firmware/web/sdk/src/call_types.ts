/** The types around a call: its states, its events, and what it is made from. */

import type { Call } from './call';
import type { MediaSettings } from './call_media';
import type { CausewayError } from './errors';
import type { AudioSource } from './media';
import type { CallWarning } from './monitor';
import type { DisconnectCause, HeldBy } from './protocol';
import type { Signaling } from './signaling';

/** Where a call stands. */
export type CallState = 'placing' | 'incoming' | 'trying' | 'ringing' | 'early_media' | 'answered' | 'held' | 'ended';

/** The events of a call and what their listeners are given. */
export type CallEvents = {
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

export interface AcceptOptions {
  /** What to send. Default: the microphone. */
  audio?: AudioSource;
  video?: boolean | MediaTrackConstraints;
}

export interface DigitOptions {
  /** Length of each tone, 40…2000 ms. Default 100. */
  duration?: number;
  /** Silence between two, 30…2000 ms. Default 70. */
  gap?: number;
}

/** A `CallbackWish` whose blanks are filled with nothing. @internal */
export interface CallbackParts {
  number: string;
  name?: string | undefined;
  to?: string | undefined;
  context?: object | undefined;
}

/** @internal */
export interface CallOwner extends MediaSettings {
  readonly signaling: Signaling;
  callEnded(call: Call, resume: string | undefined, hangUpLater: boolean): void;
  requestCallback(wish: CallbackParts, call: string | undefined): Promise<string>;
  callError(call: Call, error: CausewayError): void;
}

/** @internal */
export interface CallParts {
  direction: 'outgoing' | 'incoming';
  from: string;
  fromName?: string | undefined;
  to: string;
  context?: object | undefined;
  contextToken?: string | undefined;
  divertedFrom?: string | undefined;
  id?: string;
  resume?: string;
  /** It stood already, on the page before this one. */
  answeredAt?: Date | undefined;
  muted?: boolean;
}
