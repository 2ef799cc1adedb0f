/** How a call ends from this side. */

import { CausewayError } from './errors';
import type { DisconnectCause } from './protocol';

/** How long the box's word on the end of a call is awaited after our hangup. @internal */
export const HANGUP_PATIENCE_MS = 2_000;
/** How long the end waits for the last figures. @internal */
export const LAST_FIGURES_MS = 150;

/** @internal */
export function ended(): CausewayError {
  return new CausewayError('call_ended', 'The call is over.');
}

/** Why it ends when the page wants it to. @internal */
export function localCause(answered: boolean): DisconnectCause {
  return answered
    ? { code: 'hangup', message: 'The call was ended here.', by: 'local' }
    : { code: 'cancelled', message: 'The call was given up here.', by: 'local' };
}

/** @internal */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
