// Virtual time: timers run when a test says so, never by themselves.

const real = { setTimeout, clearTimeout, setInterval, clearInterval, Date, immediate: setImmediate };

/** Lets every promise that can settle do so. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => real.immediate(resolve));
}

export class Clock {
  now = 1_000_000;
  #timers = new Map();
  #next = 1;

  install() {
    globalThis.setTimeout = (run, ms = 0) => this.#add(run, ms, false);
    globalThis.setInterval = (run, ms = 0) => this.#add(run, ms, true);
    globalThis.clearTimeout = globalThis.clearInterval = (id) => this.#timers.delete(id);
    const clock = this;
    globalThis.Date = class extends real.Date {
      constructor(...at) {
        super(...(at.length > 0 ? at : [clock.now]));
      }
      static now() {
        return clock.now;
      }
    };
  }

  uninstall() {
    globalThis.setTimeout = real.setTimeout;
    globalThis.setInterval = real.setInterval;
    globalThis.clearTimeout = real.clearTimeout;
    globalThis.clearInterval = real.clearInterval;
    globalThis.Date = real.Date;
  }

  /** Timers still armed: what a test left behind. */
  get armed() {
    return this.#timers.size;
  }

  /** Lets `ms` pass, with every timer due in its order. */
  async advance(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers.entries()].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      const [id, timer] = due;
      this.now = Math.max(this.now, timer.at);
      if (timer.every) timer.at = this.now + timer.ms;
      else this.#timers.delete(id);
      timer.run();
      await settle();
    }
    this.now = end;
  }

  #add(run, ms, every) {
    const id = this.#next++;
    this.#timers.set(id, { run, ms: Math.max(ms, 1), at: this.now + ms, every });
    return id;
  }
}
