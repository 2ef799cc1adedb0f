/** Microphone in, loudspeaker out: what a call needs of the browser besides the connection itself. */

import { CausewayError, asCausewayError } from './errors';

/** `true` for the default microphone, constraints, an own stream, or `false` to only listen. */
export type AudioSource = boolean | MediaTrackConstraints | MediaStreamConstraints | MediaStream;

/** Speech defaults; a caller's own constraints are laid over them. */
const SPEECH: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** @internal */
export interface CaptureRequest {
  audio: AudioSource;
  video: boolean | MediaTrackConstraints;
  defaults: MediaTrackConstraints | undefined;
}

/**
 * Opens what the call sends. A stream of the page's own is cloned, so that muting, holding and
 * hanging up never touch the page's tracks. Nothing to send gives `undefined`.
 * @internal
 */
export async function capture(request: CaptureRequest): Promise<MediaStream | undefined> {
  const { audio, video } = request;
  if (typeof MediaStream === 'function' && audio instanceof MediaStream) return audio.clone();
  const constraints: MediaStreamConstraints = {};
  if (audio !== false) {
    const own = isStreamConstraints(audio) ? audio.audio : audio;
    if (own !== false) {
      constraints.audio = { ...SPEECH, ...request.defaults, ...(typeof own === 'object' ? own : undefined) };
    }
    if (isStreamConstraints(audio) && audio.video !== undefined) constraints.video = audio.video;
  }
  if (video !== false) constraints.video = video;
  if (!constraints.audio && !constraints.video) return undefined;
  const devices = globalThis.navigator?.mediaDevices;
  if (!devices?.getUserMedia) {
    throw new CausewayError('not_supported', 'The microphone needs a page served over HTTPS and a browser with WebRTC.');
  }
  try {
    return await devices.getUserMedia(constraints);
  } catch (error) {
    throw captureError(error, constraints.audio ? 'mic' : 'camera');
  }
}

function isStreamConstraints(source: AudioSource): source is MediaStreamConstraints {
  return typeof source === 'object' && ('audio' in source || 'video' in source);
}

/** The browser's error names, told apart by what the user can do about them. @internal */
export function captureError(error: unknown, device: 'mic' | 'camera'): CausewayError {
  const thing = device === 'mic' ? 'microphone' : 'camera';
  switch ((error as { name?: unknown } | null)?.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new CausewayError(`${device}_denied`, `The use of the ${thing} was not allowed.`, { cause: error });
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new CausewayError(`${device}_missing`, `No ${thing} was found that fits.`, { cause: error });
    case 'NotReadableError':
    case 'AbortError':
      return new CausewayError(`${device}_busy`, `The ${thing} is in use or cannot be opened.`, { cause: error });
    case 'TypeError':
      return new CausewayError('invalid_argument', `The constraints for the ${thing} cannot be used.`, { cause: error });
    default:
      return asCausewayError(error, `${device}_missing`);
  }
}

/** @internal */
export function stopTracks(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

// `click` too: assistive technology may click without touching.
const GESTURES = ['pointerdown', 'keydown', 'touchend', 'click'] as const;

/** Plays a stream through an audio element of its own. @internal */
export class AudioOutput {
  #element: HTMLAudioElement | undefined;
  #volume = 1;
  #sinkId: string | undefined;
  #retrying = false;
  readonly #failed: (error: CausewayError) => void;
  readonly #unblocked: () => void;

  /** `unblocked` is told when sound begins that `autoplay_blocked` was told of. */
  constructor(sinkId: string | undefined, failed: (error: CausewayError) => void, unblocked: () => void) {
    this.#sinkId = sinkId;
    this.#failed = failed;
    this.#unblocked = unblocked;
  }

  play(stream: MediaStream): void {
    if (typeof Audio !== 'function') return;
    const element = (this.#element ??= new Audio());
    element.autoplay = true;
    element.volume = this.#volume;
    element.srcObject = stream;
    if (this.#sinkId !== undefined) this.setSink(this.#sinkId).catch((error: CausewayError) => this.#failed(error));
    this.#start();
  }

  /** 0 (silent) to 1. */
  setVolume(volume: number): void {
    this.#volume = volume;
    if (this.#element) this.#element.volume = volume;
  }

  /** Chooses the loudspeaker by its device id; '' is the default one. Rejects with `output_failed`. */
  async setSink(id: string): Promise<void> {
    this.#sinkId = id;
    const element = this.#element;
    if (!element) return;
    if (typeof element.setSinkId !== 'function') {
      throw new CausewayError('not_supported', 'This browser cannot choose the loudspeaker.');
    }
    try {
      await element.setSinkId(id);
    } catch (error) {
      throw new CausewayError('output_failed', 'The loudspeaker cannot be used.', { cause: error });
    }
  }

  close(): void {
    this.#stopRetrying();
    if (!this.#element) return;
    this.#element.pause();
    this.#element.srcObject = null;
    this.#element = undefined;
  }

  #start(): void {
    const element = this.#element;
    element?.play().then(
      () => {
        if (element !== this.#element || !this.#retrying) return;
        this.#stopRetrying();
        this.#unblocked();
      },
      (error: unknown) => {
        // AbortError: replaced or closed meanwhile, nothing is wrong.
        if (element !== this.#element || (error as { name?: string }).name !== 'NotAllowedError') return;
        if (this.#retrying) return;
        this.#retrying = true;
        for (const gesture of GESTURES) document.addEventListener(gesture, this.#retry, { capture: true });
        this.#failed(
          new CausewayError('autoplay_blocked', 'The browser plays no sound before the user touches the page.', {
            cause: error,
          }),
        );
      },
    );
  }

  readonly #retry = (): void => this.#start();

  #stopRetrying(): void {
    if (!this.#retrying) return;
    this.#retrying = false;
    for (const gesture of GESTURES) document.removeEventListener(gesture, this.#retry, { capture: true });
  }
}
