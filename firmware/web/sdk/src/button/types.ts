/** What a page sees of the button: its states, its texts, its element. */

import type { Call } from '../call';
import type { TokenOrProvider } from '../token';

/** Where the button stands; also its attribute `state`. */
export type ButtonState =
  /** Nobody is called. */
  | 'idle'
  /** Nobody is called, and the browser says that there is no network. */
  | 'offline'
  /** This browser or page can make no calls: what the page wrote into the element is shown. */
  | 'unsupported'
  /** The user is being asked for the microphone. */
  | 'microphone'
  | 'connecting'
  /** The far side rings, or is heard before it answers. */
  | 'ringing'
  | 'talking'
  | 'held'
  /** Connection or sound dropped and is sought. */
  | 'reconnecting'
  /** A call is over; `reason` says why: `hangup`, `busy`, `no_answer`, … */
  | 'ended'
  /** No call came about, or not to its end; `reason` says why: `mic_denied`, `connection_lost`, … */
  | 'error';

/** Told by the event `causeway-state`. */
export interface ButtonStateDetail {
  state: ButtonState;
  previous: ButtonState;
  /** The code behind `ended` and `error`. */
  reason: string | undefined;
  /** The box's name for the call, once it has one. */
  call: string | undefined;
  /** Seconds of talk. */
  duration: number;
}

/** Every word the button shows or says. */
export interface ButtonTexts {
  call: string;
  cancel: string;
  hangUp: string;
  mute: string;
  keypad: string;
  devices: string;
  camera: string;
  microphone: string;
  loudspeaker: string;
  selfView: string;
  farView: string;
  star: string;
  hash: string;
  soundOn: string;
  offline: string;
  unsupported: string;
  asking: string;
  connecting: string;
  ringing: string;
  talking: string;
  held: string;
  reconnecting: string;
  ended: string;
  busy: string;
  declined: string;
  noAnswer: string;
  unavailable: string;
  lost: string;
  transferred: string;
  failed: string;
  micDenied: string;
  micMissing: string;
  micBusy: string;
  notAvailable: string;
  connectionLost: string;
  tooMany: string;
  noPath: string;
  otherCall: string;
  noCamera: string;
  poorQuality: string;
  unheard: string;
  soundBlocked: string;
}

/** `<causeway-call>`. */
export interface CausewayCallElement extends HTMLElement {
  readonly state: ButtonState;
  /** Why the last call ended or did not come about. */
  readonly reason: string | undefined;
  /** The SDK's call while there is one: for hold, transfer and whatever the button does not have. */
  readonly currentCall: Call | undefined;
  /** Own words over those of the language. */
  texts: Partial<ButtonTexts>;
  /** Sent with each call, beside `data-context-…`. */
  context: Record<string, unknown> | undefined;
  /** A token or a function that fetches one, in place of `token-url`. */
  token: TokenOrProvider | undefined;
  /** Calls, within a click of the user's. Resolves when the box has taken the call or it has failed; never rejects: `state` says which. */
  call(): Promise<void>;
  /** Ends the call, or gives it up. */
  hangUp(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    'causeway-call': CausewayCallElement;
  }
  interface HTMLElementEventMap {
    'causeway-state': CustomEvent<ButtonStateDetail>;
  }
}
