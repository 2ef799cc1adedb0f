/** What is wrong with a call while it lasts: each told when it begins and when it ends, once. */

import { CausewayError } from './errors';
import type { CallWarning } from './monitor';

/** @internal */
export interface TroublesOwner {
  ended(): boolean;
  reconnecting(error: CausewayError): void;
  reconnected(): void;
  warning(warning: CallWarning): void;
  warningCleared(code: string): void;
}

/** @internal */
export class Troubles {
  readonly #owner: TroublesOwner;
  readonly #warnings = new Set<string>();
  signalingLost = false;
  mediaLost = false;

  constructor(owner: TroublesOwner) {
    this.#owner = owner;
  }

  get reconnecting(): boolean {
    return this.signalingLost || this.mediaLost;
  }

  /** Both show as one. */
  lost(signaling: boolean, media: boolean): void {
    const before = this.reconnecting;
    this.signalingLost = signaling;
    this.mediaLost = media;
    if (this.#owner.ended() || before === this.reconnecting) return;
    if (before) this.#owner.reconnected();
    else if (signaling) this.#owner.reconnecting(new CausewayError('connection_lost', 'The connection to the box dropped.'));
    else this.#owner.reconnecting(new CausewayError('media_lost', 'The audio connection dropped.'));
  }

  warn(warning: CallWarning): void {
    if (this.#owner.ended() || this.#warnings.has(warning.code)) return;
    this.#warnings.add(warning.code);
    this.#owner.warning(warning);
  }

  clear(code: string): void {
    if (this.#warnings.delete(code) && !this.#owner.ended()) this.#owner.warningCleared(code);
  }
}
