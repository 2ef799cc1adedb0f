/** How loud a stream is, for a meter on the page. */

let shared: AudioContext | undefined;

/**
 * Measures the loudness of a stream's audio with an AnalyserNode. Read `level` as often as the
 * meter is drawn. Browsers keep the audio clock still until the user has touched the page:
 * `level` is 0 till then.
 */
export class LevelMeter {
  readonly #context: AudioContext;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  /** All meters of a page share one AudioContext unless one is given. */
  constructor(stream: MediaStream, context?: AudioContext) {
    this.#context = context ?? (shared ??= new AudioContext());
    resumeAtGesture(this.#context);
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last 20 ms or so, 0…1. */
  get level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  /** The same in decibels below full scale, −100…0. */
  get decibels(): number {
    return Math.max(-100, 20 * Math.log10(this.level || 1e-5));
  }

  /** Lets go of the stream. */
  close(): void {
    this.#source.disconnect();
    this.#analyser.disconnect();
  }
}

/** Starts the audio clock now if the browser lets us, else at the user's next touch. */
function resumeAtGesture(context: AudioContext): void {
  const resume = () => {
    if (context.state === 'suspended') context.resume().catch(() => undefined);
  };
  resume();
  for (const gesture of ['pointerdown', 'keydown']) document.addEventListener(gesture, resume, { once: true, capture: true });
}
