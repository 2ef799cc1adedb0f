/**
 * The picture of a call that stands: it begins and ends while the sound goes on.
 *
 * | who | what happens |
 * |---|---|
 * | the page wants to show its camera | the far side is asked; once it agrees, the camera is brought by a new offer |
 * | the far side shows something | what shows it is brought by a new offer; the camera stays off until the page wants it |
 * | either wants it over | camera off, tracks taken away by a new offer |
 *
 * One change after the other; what the box says meanwhile is followed when its turn comes.
 */

import { ended } from './call_ending';
import type { CallMedia } from './call_media';
import { capture, stopTracks } from './media';
import { OperationQueue } from './operations';

/** `true` for the default camera, constraints, a stream of the page's own (which is cloned), or `false` for no picture. */
export type VideoSource = boolean | MediaTrackConstraints | MediaStream;

/** @internal */
export interface VideoOwner {
  ended(): boolean;
  /** Asks the far side; resolves when it agreed. */
  ask(video: boolean): Promise<unknown>;
  media(): CallMedia;
  changed(video: boolean): void;
  /** What the box began cannot be followed. */
  failed(error: unknown): void;
}

/** @internal */
export class CallVideo {
  /** The page was told of a picture. */
  on = false;
  /** Whether there was a picture when the connection came back. */
  seen: boolean | undefined;
  readonly #owner: VideoOwner;
  readonly #queue = new OperationQueue();
  #agreed = false;

  constructor(owner: VideoOwner) {
    this.#owner = owner;
  }

  set(source: VideoSource): Promise<void> {
    if (source !== false) return this.#queue.run(() => this.#begin(source));
    // Whoever switches a camera off wants it off before the far side knows.
    this.#owner.media().darkenVideo();
    return this.#queue.run(() => this.#end());
  }

  /** The box says whether there is a picture. */
  told(agreed: boolean): void {
    this.#agreed = agreed;
    if (!agreed) this.#owner.media().darkenVideo();
    this.#queue.run(() => this.#follow()).catch((error: unknown) => this.#owner.failed(error));
  }

  /** The connection is back. */
  catchUp(): void {
    if (this.seen !== undefined) this.told(this.seen);
    this.seen = undefined;
  }

  async #begin(source: Exclude<VideoSource, false>): Promise<void> {
    if (this.#owner.ended()) throw ended();
    const camera = await open(source);
    try {
      if (this.#owner.ended()) throw ended();
      await this.#owner.ask(true);
      this.#agreed = true;
      await this.#owner.media().beginVideo(camera);
    } catch (error) {
      stopTracks(camera);
      // What the far side agreed to and this browser cannot do is taken back.
      if (this.#agreed && !this.#owner.media().hasVideo && !this.#owner.ended()) {
        this.#owner.ask(false).catch((failure: unknown) => this.#owner.failed(failure));
      }
      throw error;
    }
    this.#tell(true);
  }

  async #end(): Promise<void> {
    if (this.#owner.ended()) throw ended();
    if (this.#owner.media().hasVideo) await this.#owner.media().endVideo();
    await this.#owner.ask(false);
    this.#agreed = false;
    this.#tell(false);
  }

  async #follow(): Promise<void> {
    // Of a call that begins with a picture the box may tell before its answer, which brings the track, is in use.
    if (this.#agreed) await this.#owner.media().whenAnswered();
    if (this.#owner.ended()) return;
    if (this.#agreed && !this.#owner.media().hasVideo) await this.#owner.media().beginVideo(undefined);
    if (!this.#agreed && this.#owner.media().hasVideo) await this.#owner.media().endVideo();
    this.#tell(this.#agreed);
  }

  #tell(video: boolean): void {
    if (this.on === video || this.#owner.ended()) return;
    this.on = video;
    this.#owner.changed(video);
  }
}

async function open(source: Exclude<VideoSource, false>): Promise<MediaStream | undefined> {
  if (typeof MediaStream === 'function' && source instanceof MediaStream) {
    return new MediaStream(source.getVideoTracks().map((track) => track.clone()));
  }
  return capture({ audio: false, video: source as true | MediaTrackConstraints, defaults: undefined });
}
