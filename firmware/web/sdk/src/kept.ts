/**
 * Calls that outlive their page: written down when it goes, read once by the next page of the same tab and origin.
 *
 * What is written holds each call's secret, so it lies in `sessionStorage` (this tab, this origin) for the seconds the box
 * keeps the call, and never in an address.
 */

import type { Call } from './call';
import type { Log } from './log';

/** What the next page needs of a call. @internal */
export interface KeptCall {
  id: string;
  resume: string;
  direction: 'outgoing' | 'incoming';
  from: string;
  fromName?: string | undefined;
  to: string;
  context?: object | undefined;
  contextToken?: string | undefined;
  divertedFrom?: string | undefined;
  /** Milliseconds since 1970. */
  answeredAt?: number | undefined;
  muted: boolean;
  video: boolean;
}

/** @internal */
export function describe(call: Call, resume: string): KeptCall {
  const { id, direction, from, fromName, to, context, contextToken, divertedFrom, answeredAt, muted, localStream } = call;
  const video = (localStream?.getVideoTracks().length ?? 0) > 0;
  return {
    id, resume, direction, from, fromName, to, context, contextToken, divertedFrom, answeredAt: answeredAt?.getTime(), muted, video,
  };
}

/** A navigation this recent is the reason a page goes. */
const RECENT_MS = 10_000;

function key(url: string): string {
  return `causeway ${url}`;
}

function storage(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined; // forbidden by the user
  }
}

/** @internal */
export function keep(url: string, calls: KeptCall[], log: Log): boolean {
  try {
    storage()?.setItem(key(url), JSON.stringify({ at: Date.now(), calls }));
    return storage() !== undefined;
  } catch (error) {
    log.warn('calls cannot be kept for the next page', error);
    return false;
  }
}

/** Reads and removes what the page before has kept, unless the box has given it up by now. @internal */
export function take(url: string, withinMs: number): KeptCall[] {
  try {
    const text = storage()?.getItem(key(url));
    storage()?.removeItem(key(url));
    const { at, calls } = JSON.parse(text ?? '{}') as { at?: number; calls?: KeptCall[] };
    if (typeof at !== 'number' || Date.now() - at > withinMs || !Array.isArray(calls)) return [];
    return calls.filter((call) => typeof call.id === 'string' && typeof call.resume === 'string');
  } catch {
    return [];
  }
}

interface NavigateEventLike {
  destination?: { url?: string };
  hashChange?: boolean;
  downloadRequest?: unknown;
}

/** Tells a reload, or a way to another page of the same origin, from a tab that is closed. @internal */
export class Leaving {
  #known = false;
  #at = -Infinity;
  readonly #navigation = (globalThis as { navigation?: EventTarget }).navigation;

  constructor() {
    this.#navigation?.addEventListener('navigate', this.#navigate);
  }

  /** Whether a page that could go on with a call comes next. Where the browser does not tell, it may. */
  comesBack(): boolean {
    if (!this.#navigation) return true;
    return this.#known && Date.now() - this.#at < RECENT_MS;
  }

  close(): void {
    this.#navigation?.removeEventListener('navigate', this.#navigate);
  }

  readonly #navigate = (event: Event): void => {
    const { destination, hashChange, downloadRequest } = event as unknown as NavigateEventLike;
    if (hashChange || (downloadRequest !== null && downloadRequest !== undefined)) return;
    this.#at = Date.now();
    this.#known = sameOrigin(destination?.url);
  };
}

function sameOrigin(url: string | undefined): boolean {
  try {
    return url !== undefined && new URL(url, location.href).origin === location.origin;
  } catch {
    return false;
  }
}
