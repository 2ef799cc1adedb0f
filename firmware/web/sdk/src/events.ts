/** A small typed event emitter. */

/** Event names and the arguments of their listeners. */
export type EventMap = { [event: string]: unknown[] };

type Listener<A extends unknown[]> = (...args: A) => void;
// Listeners of many signatures in one map: `on` is where their types are checked.
type AnyListener = (...args: any[]) => void;
interface Entry {
  run: AnyListener;
  once: boolean;
}

/**
 * `on`, `once` and `off`, typed by an event map. A listener that throws is reported to the
 * browser's console as an uncaught error and disturbs neither the SDK nor other listeners.
 */
export class Emitter<M extends EventMap> {
  readonly #listeners = new Map<keyof M, Entry[]>();

  /** Calls `listener` at every `event`, until `off`. */
  on<E extends keyof M>(event: E, listener: Listener<M[E]>): this {
    return this.#add(event, listener, false);
  }

  /** Calls `listener` at the next `event` only. */
  once<E extends keyof M>(event: E, listener: Listener<M[E]>): this {
    return this.#add(event, listener, true);
  }

  /** Removes one listener, or all of the event when none is named. */
  off<E extends keyof M>(event: E, listener?: Listener<M[E]>): this {
    const kept = listener ? (this.#listeners.get(event) ?? []).filter((l) => l.run !== listener) : [];
    if (kept.length > 0) this.#listeners.set(event, kept);
    else this.#listeners.delete(event);
    this.listenersChanged(event);
    return this;
  }

  /** How many listeners an event has. */
  listenerCount(event: keyof M): number {
    return this.#listeners.get(event)?.length ?? 0;
  }

  /** @internal */
  protected emit<E extends keyof M>(event: E, ...args: M[E]): void {
    // A copy: a listener may add or remove listeners of the same event.
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      if (listener.once) this.off(event, listener.run);
      try {
        listener.run(...args);
      } catch (error) {
        reportListenerError(error);
      }
    }
  }

  /** Told after listeners of an event came or went. @internal */
  protected listenersChanged(_event: keyof M): void {}

  #add<E extends keyof M>(event: E, run: Listener<M[E]>, once: boolean): this {
    if (typeof run !== 'function') throw new TypeError('the listener is not a function');
    const list = this.#listeners.get(event) ?? [];
    list.push({ run, once });
    this.#listeners.set(event, list);
    this.listenersChanged(event);
    return this;
  }
}

function reportListenerError(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
  else console.error(error);
}
