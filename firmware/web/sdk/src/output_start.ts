/**
 * Opens the loudspeaker before there is something to hear. Opening takes up to two seconds, and Firefox shows no moving
 * picture of a call before its sound plays: so it is done while the call is still being made or rings.
 */

/** @internal */
export class OutputStart {
  #context: AudioContext | undefined;

  /** Plays silence from now on. Before a user's first touch browsers would refuse, and this does nothing. */
  open(): void {
    if (this.#context || typeof AudioContext !== 'function') return;
    if (globalThis.navigator?.userActivation?.hasBeenActive === false) return;
    let context: AudioContext;
    try {
      context = this.#context = new AudioContext();
    } catch {
      return; // no output at all: the call goes on, and says so where it plays
    }
    const silence = context.createConstantSource();
    silence.offset.value = 0;
    silence.connect(context.destination);
    silence.start();
    context.resume().catch(() => undefined);
  }

  close(): void {
    this.#context?.close().catch(() => undefined);
    this.#context = undefined;
  }
}
