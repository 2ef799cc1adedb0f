/** Looks at a call's figures every few seconds: reports them to the box, warns the page. */

import type { CallStats } from './stats';

const INTERVAL_MS = 5_000;

/** A thing worth telling the user while it lasts. */
export interface CallWarning {
  /** `high_loss`, `high_jitter`, `high_rtt`, `media_interrupted`, `mic_ended`, or a code of the box: `no_media`, `low_quality`. */
  code: string;
  message: string;
}

/** Each warning with what raises it, and the lower mark that clears it. */
const RULES: readonly { code: string; message: string; raise: number; clear: number; value(now: Sample): number | undefined }[] = [
  { code: 'high_loss', message: 'Many audio packets are lost.', raise: 0.05, clear: 0.02, value: (s) => s.loss },
  { code: 'high_jitter', message: 'Audio packets arrive unevenly.', raise: 60, clear: 30, value: (s) => s.stats.jitterMs },
  { code: 'high_rtt', message: 'The way to the box and back is long.', raise: 500, clear: 350, value: (s) => s.stats.rttMs },
];

interface Sample {
  stats: CallStats;
  /** Share of packets lost since the last sample, 0…1. */
  loss: number | undefined;
}

/** @internal */
export interface MonitorOwner {
  stats(): Promise<CallStats>;
  report(stats: CallStats): void;
  warn(warning: CallWarning): void;
  clear(code: string): void;
}

/** @internal */
export class QualityMonitor {
  readonly #owner: MonitorOwner;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #raised = new Set<string>();
  #last: CallStats | undefined;
  #busy = false;

  constructor(owner: MonitorOwner) {
    this.#owner = owner;
    this.#timer = setInterval(() => void this.sample(), INTERVAL_MS);
  }

  /** One look; also taken just before a call ends, so that short calls are on record too. */
  async sample(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const stats = await this.#owner.stats();
      this.#judge({ stats, loss: this.#loss(stats) });
      this.#last = stats;
      this.#owner.report(stats);
    } catch {
      // The connection is closing: the next call has a monitor of its own.
    } finally {
      this.#busy = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #loss(now: CallStats): number | undefined {
    if (!this.#last) return undefined;
    const lost = now.packetsLost - this.#last.packetsLost;
    const all = now.packetsReceived - this.#last.packetsReceived + lost;
    return all >= 20 ? Math.max(0, lost / all) : undefined;
  }

  #judge(sample: Sample): void {
    for (const { code, message, raise, clear, value } of RULES) {
      const v = value(sample);
      if (v === undefined) continue;
      if (v > raise && !this.#raised.has(code)) {
        this.#raised.add(code);
        this.#owner.warn({ code, message });
      } else if (v < clear && this.#raised.delete(code)) {
        this.#owner.clear(code);
      }
    }
  }
}
