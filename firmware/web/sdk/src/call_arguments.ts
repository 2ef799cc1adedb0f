/** What a page hands to a call, looked at before the box is asked. */

import { CausewayError } from './errors';

const DIGITS = /^[0-9A-Da-d*#,]{1,64}$/;

/** What is wrong with digits and their lengths in milliseconds; nothing when they can be sent. @internal */
export function digitsFault(digits: string, duration: number, gap: number): CausewayError | undefined {
  if (!DIGITS.test(digits)) return new CausewayError('invalid_argument', 'Digits are 1 to 64 of 0-9, A-D, *, # and comma.');
  if (duration >= 40 && duration <= 2000 && gap >= 30 && gap <= 2000) return undefined;
  return new CausewayError('invalid_argument', 'A tone lasts 40 to 2000 ms, a gap 30 to 2000 ms.');
}

/** Whom a call is handed on to: a number, or another call by its id. @internal */
export function transferTarget(target: unknown): { to: string } | { with: string } {
  if (typeof target === 'string') {
    const to = target.trim();
    if (to !== '' && to.length <= 255) return { to };
    throw new CausewayError('invalid_argument', 'A transfer needs a number: 1 to 255 characters.');
  }
  const other = (target as { with?: unknown } | undefined)?.with;
  if (typeof other === 'string' && other !== '') return { with: other };
  throw new CausewayError('invalid_argument', 'A transfer needs a number or another call of this device.');
}
