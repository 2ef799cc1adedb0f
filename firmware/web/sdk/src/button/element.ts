/** `<causeway-call>`: what the page writes, sets, hears and calls. The call itself is `session`, what is seen is `view`. */

import type { Call } from '../call';
import { asCausewayError } from '../errors';
import type { TokenOrProvider } from '../token';
import { collect } from './context';
import { pageToken } from './page_token';
import { Session } from './session';
import { ADVICE, ENDINGS, languageAt, textsFor } from './texts';
import type { ButtonState, ButtonStateDetail, ButtonTexts, CausewayCallElement } from './types';
import { View, isResting } from './view';

/** A double click calls; it does not hang up again. */
const DOUBLE_CLICK_MS = 500;
const CLOCK_MS = 500;
/** Longer than this is no label but a text. */
const LABEL_LIMIT = 80;

/** The session of the page that has a call: nobody talks to two at once. */
let running: Session | undefined;

/** Makes the element's class for the box that served the script. */
export function causewayCall(servedBy: string | undefined): CustomElementConstructor {
  return class extends HTMLElement implements CausewayCallElement {
    static observedAttributes = ['lang', 'label', 'video', 'dir'];

    #view: View | undefined;
    #session: Session | undefined;
    #refused: string | undefined;
    #state: ButtonState = 'idle';
    #texts: Partial<ButtonTexts> = {};
    #context: Record<string, unknown> | undefined;
    #token: TokenOrProvider | undefined;
    #calledAt = 0;
    #input: string | undefined;
    #output: string | undefined;
    #clock: ReturnType<typeof setInterval> | undefined;
    #words: { key: unknown[]; texts: ButtonTexts; language: string } | undefined;
    readonly #page = new MutationObserver(() => this.#render());

    // ---- what the page sees ----

    get state(): ButtonState {
      return this.#state;
    }
    get reason(): string | undefined {
      return this.#refused ?? this.#session?.reason;
    }
    get currentCall(): Call | undefined {
      return this.#session && !this.#session.over ? this.#session.call : undefined;
    }
    get texts(): Partial<ButtonTexts> {
      return this.#texts;
    }
    set texts(texts: Partial<ButtonTexts>) {
      this.#texts = { ...texts };
      this.#render();
    }
    get context(): Record<string, unknown> | undefined {
      return this.#context;
    }
    set context(context: Record<string, unknown> | undefined) {
      this.#context = context;
    }
    get token(): TokenOrProvider | undefined {
      return this.#token;
    }
    set token(token: TokenOrProvider | undefined) {
      this.#token = token;
    }

    async call(): Promise<void> {
      if (!isResting(this.#state) || this.#state === 'unsupported' || !this.isConnected) return;
      if (running && !running.over) return this.#refuse('other_call');
      const to = this.getAttribute('to') ?? '';
      const tokenUrl = this.getAttribute('token-url');
      const app = this.getAttribute('app');
      const token = this.#token ?? (tokenUrl === null ? undefined : () => pageToken(tokenUrl, app));
      if (!to || !token) {
        console.error('causeway-call: the attribute "to" and "token-url" (or the property "token") are needed');
        return this.#refuse('not_set_up');
      }
      const { context, left, namesPage } = collect(this, this.#context, languageAt(this));
      if (left.length > 0) console.warn(`causeway-call: the context is larger than 8 KiB; left out: ${left.join(', ')}`);
      let session: Session;
      try {
        session = new Session(
          {
            token,
            to,
            context,
            namesPage,
            box: this.getAttribute('box') ?? servedBy,
            from: this.getAttribute('from') ?? undefined,
            video: this.hasAttribute('video'),
            input: this.#input,
            output: this.#output,
          },
          {
            changed: () => session === this.#session && this.#render(),
            volume: (input, output) => session === this.#session && this.#view?.level(input, output),
          },
        );
      } catch (error) {
        console.error(error);
        return this.#refuse(asCausewayError(error, 'internal').code);
      }
      this.#refused = undefined;
      this.#session = running = session;
      this.#calledAt = Date.now();
      const started = session.start();
      this.#render();
      await started;
    }

    async hangUp(): Promise<void> {
      await this.#session?.hangUp();
    }

    override focus(options?: FocusOptions): void {
      this.#view?.focus(options);
    }

    // ---- its life in the page ----

    connectedCallback(): void {
      this.#view ??= new View(this, {
        callOrHangUp: () => this.#pressed(),
        mute: () => this.currentCall?.mute(!this.currentCall.muted),
        camera: () => this.#toggleCamera(),
        digit: (digit) => void this.currentCall?.sendDigits(digit).catch(() => undefined),
        input: (id) => this.#choose('input', id),
        output: (id) => this.#choose('output', id),
        devicesOpened: () => void this.#listDevices(),
      });
      // Set before the script came: they hide the accessors of the class.
      for (const name of ['texts', 'context', 'token'] as const) {
        if (!Object.hasOwn(this, name)) continue;
        const value: unknown = this[name];
        delete (this as Partial<this>)[name];
        Object.assign(this, { [name]: value });
      }
      addEventListener('online', this.#networkChanged);
      addEventListener('offline', this.#networkChanged);
      navigator.mediaDevices?.addEventListener?.('devicechange', this.#devicesChanged);
      this.#page.observe(document.documentElement, { attributes: true, attributeFilter: ['lang', 'dir'] });
      this.#page.observe(this, { childList: true });
      if (!this.hasAttribute('state')) this.setAttribute('state', this.#state);
      this.#render();
    }

    disconnectedCallback(): void {
      // A framework that moves the element takes it out and puts it in again at once.
      queueMicrotask(() => {
        if (this.isConnected) return;
        removeEventListener('online', this.#networkChanged);
        removeEventListener('offline', this.#networkChanged);
        navigator.mediaDevices?.removeEventListener?.('devicechange', this.#devicesChanged);
        this.#page.disconnect();
        clearInterval(this.#clock);
        this.#clock = undefined;
        void this.#session?.hangUp();
        this.#session = undefined;
        this.#refused = undefined;
        this.#render();
      });
    }

    connectedMoveCallback(): void {}

    attributeChangedCallback(): void {
      this.#render();
    }

    // ---- what its user does ----

    #pressed(): void {
      if (this.#state === 'offline') return;
      if (isResting(this.#state)) void this.call();
      else if (Date.now() - this.#calledAt > DOUBLE_CLICK_MS) void this.hangUp();
    }

    #toggleCamera(): void {
      const call = this.currentCall;
      const on = (call?.localStream?.getVideoTracks().length ?? 0) > 0;
      call?.setVideo(!on).then(
        () => this.#render(),
        (error: unknown) => console.warn('causeway-call:', error),
      );
    }

    #choose(kind: 'input' | 'output', id: string): void {
      const call = this.currentCall;
      if (kind === 'input') this.#input = id;
      else this.#output = id;
      const done = kind === 'input' ? call?.setInput({ deviceId: { exact: id } }) : call?.setOutput(id);
      done?.catch((error: unknown) => {
        console.warn('causeway-call:', error);
        void this.#listDevices();
      });
    }

    async #listDevices(): Promise<void> {
      const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
      const of = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId);
      const input = this.currentCall?.localStream?.getAudioTracks()[0]?.getSettings?.().deviceId;
      const canChoose = 'setSinkId' in HTMLMediaElement.prototype;
      this.#view?.choices(of('audioinput'), canChoose ? of('audiooutput') : [], input ?? this.#input, this.#output);
    }

    readonly #devicesChanged = (): void => {
      if (this.currentCall) void this.#listDevices();
    };

    readonly #networkChanged = (): void => this.#render();

    #refuse(reason: string): void {
      this.#session = undefined;
      this.#refused = reason;
      this.#render();
    }

    // ---- what is shown ----

    #stateNow(): ButtonState {
      if (!canCall()) return 'unsupported';
      if (this.#refused !== undefined) return 'error';
      const state = this.#session?.state ?? 'idle';
      return state === 'idle' && navigator.onLine === false ? 'offline' : state;
    }

    /** What the page wrote into the element: a label for the button, or something to show where no call can be. */
    #label(texts: ButtonTexts): { label: string; fallback: boolean } {
      const given = this.getAttribute('label');
      const text = (this.textContent ?? '').trim();
      const plain = this.childElementCount === 0;
      if (given) return { label: given, fallback: text !== '' };
      if (plain && text !== '' && text.length <= LABEL_LIMIT) return { label: text, fallback: false };
      return { label: texts.call, fallback: text !== '' };
    }

    #render(): void {
      if (!this.#view) return;
      const state = this.#stateNow();
      const session = this.#session;
      const call = this.currentCall;
      const { texts, language } = this.#textsNow();
      const { label, fallback } = this.#label(texts);
      const error = state === 'error';
      this.#view.show({
        state,
        texts,
        language,
        label,
        words: this.#inWords(state, texts),
        message: error ? texts[ADVICE[this.reason ?? ''] ?? 'notAvailable'] : '',
        hints: session ? [...session.hints].map((hint) => texts[hint as keyof ButtonTexts]) : [],
        soundBlocked: session?.soundBlocked ?? false,
        muted: call?.muted ?? false,
        video: this.hasAttribute('video'),
        cameraOn: (call?.localStream?.getVideoTracks().length ?? 0) > 0,
        local: call?.localStream,
        remote: call?.remoteStream,
        fallback: fallback && (error || state === 'unsupported' || state === 'offline'),
      });
      this.#tick(call);
      if (state !== this.#state) this.#tell(state);
    }

    #textsNow(): { texts: ButtonTexts; language: string } {
      const key = [languageAt(this), this.#texts];
      if (!this.#words || key.some((part, at) => part !== this.#words?.key[at])) {
        this.#words = { key, ...textsFor(languageAt(this), this.#texts) };
      }
      return this.#words;
    }

    #inWords(state: ButtonState, texts: ButtonTexts): string {
      switch (state) {
        case 'idle':
          return '';
        case 'microphone':
          return texts.asking;
        case 'error':
          return texts.failed;
        case 'ended':
          return texts[ENDINGS[this.reason ?? ''] ?? 'ended'];
        case 'reconnecting':
          return navigator.onLine === false ? `${texts.offline}. ${texts.reconnecting}` : texts.reconnecting;
        default:
          return texts[state];
      }
    }

    #tick(call: Call | undefined): void {
      const counting = call?.answeredAt !== undefined;
      if (counting) this.#view?.time(call.duration);
      if (counting === (this.#clock !== undefined)) return;
      clearInterval(this.#clock);
      this.#clock = counting ? setInterval(() => this.#view?.time(this.currentCall?.duration ?? 0), CLOCK_MS) : undefined;
    }

    #tell(state: ButtonState): void {
      const detail: ButtonStateDetail = {
        state,
        previous: this.#state,
        reason: this.reason,
        call: this.#session?.call?.id,
        duration: this.#session?.call?.duration ?? 0,
      };
      this.#state = state;
      this.setAttribute('state', state);
      this.dispatchEvent(new CustomEvent('causeway-state', { detail, bubbles: true, composed: true }));
    }
  };
}

function canCall(): boolean {
  return typeof RTCPeerConnection === 'function' && typeof WebSocket === 'function' && !!navigator.mediaDevices?.getUserMedia;
}
