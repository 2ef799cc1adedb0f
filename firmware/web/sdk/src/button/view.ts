/**
 * The button's shadow tree: made once, then only shown, hidden and worded, so that focus stays where the user has it.
 * Nothing is written as HTML text; a page with Trusted Types needs no exception.
 */

import { style } from './style';
import type { ButtonState, ButtonTexts } from './types';

/** What there is to show. */
export interface Shown {
  state: ButtonState;
  texts: ButtonTexts;
  /** Of the texts; screen readers pronounce them by it. */
  language: string;
  label: string;
  /** The state in words. */
  words: string;
  /** What to do about an error. */
  message: string;
  hints: string[];
  soundBlocked: boolean;
  muted: boolean;
  /** Whether the button is for calls with a picture. */
  video: boolean;
  cameraOn: boolean;
  local: MediaStream | undefined;
  remote: MediaStream | undefined;
  /** Whether what the page wrote into the element is shown. */
  fallback: boolean;
}

export interface Actions {
  callOrHangUp(): void;
  mute(): void;
  camera(): void;
  digit(digit: string): void;
  input(id: string): void;
  output(id: string): void;
  devicesOpened(): void;
}

const ICONS = {
  phone: 'M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a1 1 0 0 1-1 1A15 15 0 0 1 4 5a1 1 0 0 1 1-1z',
  end: 'M3 14c5-6 13-6 18 0l-3 3-4-2v-2.5a9 9 0 0 0-4 0V15l-4 2z',
  mute: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5 11a7 7 0 0 0 14 0M12 18v3M4 4l16 16',
  keypad: 'M6 5h.01M12 5h.01M18 5h.01M6 12h.01M12 12h.01M18 12h.01M6 19h.01M12 19h.01M18 19h.01',
  devices: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  camera: 'M3 7h11v10H3zM14 11l6-3v8l-6-3',
};

const KEYS = '123456789*0#';
const IN_CALL = new Set<ButtonState>(['ringing', 'talking', 'held', 'reconnecting']);
const RESTING = new Set<ButtonState>(['idle', 'offline', 'unsupported', 'ended', 'error']);

/** States in which the big button calls; in the others it ends. */
export function isResting(state: ButtonState): boolean {
  return RESTING.has(state);
}

export class View {
  readonly #shadow: ShadowRoot;
  readonly #actions: Actions;
  readonly #root: HTMLElement;
  readonly #call = button('call', 'call-button');
  readonly #phone = icon('phone');
  readonly #end = icon('end');
  readonly #label = make('span', '', 'label');
  readonly #state = make('div', 'state', 'state');
  readonly #time = make('div', 'time', 'time');
  readonly #message = make('p', 'message', 'message');
  readonly #hint = make('p', 'hint', 'hint');
  readonly #sound = button('', 'sound-button');
  readonly #controls = make('div', 'controls', 'controls');
  readonly #mute = labelled('mute');
  readonly #camera = labelled('camera');
  readonly #keys = labelled('keypad');
  readonly #devicesToggle = labelled('devices');
  readonly #meters = make('div', 'meters', 'meters');
  readonly #levels = ['meter-in', 'meter-out'].map((part) => make('span', '', part));
  readonly #keypad = make('div', 'keypad', 'keypad');
  readonly #devices = make('div', 'devices', 'devices');
  readonly #inputs = make('select', '', 'select');
  readonly #outputs = make('select', '', 'select');
  readonly #inputLabel = make('label');
  readonly #outputLabel = make('label');
  readonly #pictures = make('div', 'pictures', 'pictures');
  readonly #far = picture('far', 'far-picture');
  readonly #self = picture('self', 'self-view');
  readonly #fallback = make('div', 'fallback', 'fallback');
  #texts: ButtonTexts | undefined;
  #digitsTaken = false;

  constructor(host: HTMLElement, actions: Actions) {
    this.#actions = actions;
    this.#shadow = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    style(this.#shadow);
    const root = (this.#root = make('div', 'root', 'root'));
    root.setAttribute('role', 'group');
    // Regions that speak must be there before their words are.
    this.#state.setAttribute('role', 'status');
    this.#message.setAttribute('role', 'alert');
    this.#hint.setAttribute('role', 'status');
    this.#time.setAttribute('role', 'timer');
    this.#meters.setAttribute('aria-hidden', 'true');
    for (const level of this.#levels) this.#meters.append(wrap(make('div', 'meter', 'meter'), level));
    this.#call.append(this.#phone, this.#end, this.#label);
    const status = wrap(make('div', 'status', 'status'), this.#state, this.#time);
    const bar = wrap(make('div', 'bar', 'bar'), this.#call, status);
    wrap(this.#controls, this.#mute.button, this.#camera.button, this.#keys.button, this.#devicesToggle.button);
    for (const key of KEYS) {
      const one = button('', 'key');
      one.textContent = key;
      one.dataset['digit'] = key;
      one.addEventListener('click', () => actions.digit(key));
      this.#keypad.append(one);
    }
    this.#keypad.setAttribute('role', 'group');
    this.#devices.setAttribute('role', 'group');
    wrap(this.#devices, this.#inputLabel, this.#outputLabel);
    wrap(this.#pictures, this.#far, this.#self);
    this.#fallback.append(make('slot'));
    wrap(root, this.#pictures, bar, this.#message, this.#hint, this.#sound, this.#fallback, this.#meters, this.#controls, this.#keypad, this.#devices);
    this.#shadow.append(root);

    this.#call.addEventListener('click', () => actions.callOrHangUp());
    this.#mute.button.addEventListener('click', () => actions.mute());
    this.#camera.button.addEventListener('click', () => actions.camera());
    this.#keys.button.addEventListener('click', () => this.#toggle(this.#keys.button, this.#keypad));
    this.#devicesToggle.button.addEventListener('click', () => {
      if (this.#toggle(this.#devicesToggle.button, this.#devices)) actions.devicesOpened();
    });
    this.#inputs.addEventListener('change', () => actions.input(this.#inputs.value));
    this.#outputs.addEventListener('change', () => actions.output(this.#outputs.value));
    root.addEventListener('keydown', (event) => this.#key(event));
    for (const [toggle, panel] of [[this.#keys.button, this.#keypad], [this.#devicesToggle.button, this.#devices]] as const) {
      panel.hidden = true;
      toggle.setAttribute('aria-expanded', 'false');
    }
  }

  show(now: Shown): void {
    const { state, texts } = now;
    const focused = this.#shadow.activeElement;
    const resting = isResting(state);
    const talking = state === 'talking' || state === 'held' || state === 'reconnecting';
    if (texts !== this.#texts) this.#word(texts);
    this.#root.lang = now.language;
    this.#root.setAttribute('aria-label', now.label);
    this.#root.className = `root ${state}${state === 'idle' ? '' : ' open'}`;
    put(this.#label, resting ? now.label : IN_CALL.has(state) && state !== 'ringing' ? texts.hangUp : texts.cancel);
    this.#call.classList.toggle('end', !resting);
    this.#call.hidden = state === 'unsupported';
    // Not `disabled`: that would drop the focus.
    this.#call.setAttribute('aria-disabled', String(state === 'offline'));
    this.#phone.toggleAttribute('hidden', !resting);
    this.#end.toggleAttribute('hidden', resting);
    put(this.#state, now.words);
    put(this.#message, now.message);
    put(this.#hint, [...now.hints, ...(now.soundBlocked ? [texts.soundBlocked] : [])].join('. '));
    this.#message.hidden = now.message === '';
    this.#sound.hidden = !now.soundBlocked;
    this.#fallback.hidden = !now.fallback;
    this.#controls.hidden = !IN_CALL.has(state);
    this.#meters.hidden = !talking;
    this.#camera.button.hidden = !now.video || !talking;
    this.#mute.button.setAttribute('aria-pressed', String(now.muted));
    this.#camera.button.setAttribute('aria-pressed', String(now.cameraOn));
    this.#digitsTaken = IN_CALL.has(state);
    if (!this.#digitsTaken) {
      this.#toggle(this.#keys.button, this.#keypad, false);
      this.#toggle(this.#devicesToggle.button, this.#devices, false);
    }
    if (!talking) {
      this.level(0, 0);
      this.time(undefined);
    }
    this.#picture(this.#far, talking ? now.remote : undefined);
    this.#picture(this.#self, talking ? now.local : undefined);
    this.#pictures.hidden = !this.#far.srcObject && !this.#self.srcObject;
    // What had the focus may be gone: it must not fall back to the top of the page.
    if (focused instanceof HTMLElement && focused.getClientRects().length === 0) this.#call.focus();
  }

  /** Seconds of talk; nothing hides them. */
  time(seconds: number | undefined): void {
    const whole = Math.max(0, Math.floor(seconds ?? 0));
    const two = (n: number) => String(n).padStart(2, '0');
    const minutes = Math.floor(whole / 60);
    const text = minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
    put(this.#time, seconds === undefined ? '' : text);
  }

  /** Loudness 0…1 of both sides, drawn on a scale of 60 dB. */
  level(input: number, output: number): void {
    [input, output].forEach((level, at) => {
      const share = Math.min(1, Math.max(0, (20 * Math.log10(level || 1e-5) + 60) / 60));
      const bar = this.#levels[at];
      if (bar) bar.style.transform = `scaleX(${share.toFixed(2)})`;
    });
  }

  /** What can be chosen; the loudspeakers are left out where the browser has no choice. */
  choices(inputs: MediaDeviceInfo[], outputs: MediaDeviceInfo[], input: string | undefined, output: string | undefined): void {
    fill(this.#inputs, inputs, input);
    fill(this.#outputs, outputs, output);
    this.#inputLabel.hidden = inputs.length === 0;
    this.#outputLabel.hidden = outputs.length === 0;
  }

  focus(options?: FocusOptions): void {
    this.#call.focus(options);
  }

  #word(texts: ButtonTexts): void {
    this.#texts = texts;
    put(this.#mute.label, texts.mute);
    put(this.#camera.label, texts.camera);
    put(this.#keys.label, texts.keypad);
    put(this.#devicesToggle.label, texts.devices);
    put(this.#sound, texts.soundOn);
    this.#keypad.setAttribute('aria-label', texts.keypad);
    this.#devices.setAttribute('aria-label', texts.devices);
    this.#inputLabel.replaceChildren(texts.microphone, this.#inputs);
    this.#outputLabel.replaceChildren(texts.loudspeaker, this.#outputs);
    this.#far.setAttribute('aria-label', texts.farView);
    this.#self.setAttribute('aria-label', texts.selfView);
    for (const key of this.#keypad.children) {
      if (key.textContent === '*') key.setAttribute('aria-label', texts.star);
      if (key.textContent === '#') key.setAttribute('aria-label', texts.hash);
    }
  }

  #picture(element: HTMLVideoElement, stream: MediaStream | undefined): void {
    const shown = stream && stream.getVideoTracks().length > 0 ? stream : null;
    element.hidden = !shown;
    if (element.srcObject === shown) return;
    element.srcObject = shown;
    if (shown) element.play().catch(() => undefined); // muted: browsers let it, and if not, sound is what matters
  }

  #toggle(toggle: HTMLElement, panel: HTMLElement, shown = !!panel.hidden): boolean {
    panel.hidden = !shown;
    toggle.setAttribute('aria-expanded', String(shown));
    return shown;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      for (const [toggle, panel] of [[this.#keys.button, this.#keypad], [this.#devicesToggle.button, this.#devices]] as const) {
        if (panel.hidden) continue;
        this.#toggle(toggle, panel, false);
        toggle.focus();
        event.stopPropagation();
      }
    } else if (this.#digitsTaken && /^[0-9*#]$/.test(event.key) && !(event.target instanceof HTMLSelectElement)) {
      this.#actions.digit(event.key);
    }
  }
}

function make<K extends keyof HTMLElementTagNameMap>(tag: K, name = '', part = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (part) element.setAttribute('part', part);
  return element;
}

function wrap<E extends HTMLElement>(parent: E, ...children: Node[]): E {
  parent.append(...children);
  return parent;
}

function button(name: string, part: string): HTMLButtonElement {
  const element = make('button', name, part);
  element.type = 'button';
  return element;
}

function labelled(name: 'mute' | 'camera' | 'keypad' | 'devices'): { button: HTMLButtonElement; label: HTMLElement } {
  const element = button('', `control ${name}-button`);
  const label = make('span');
  element.append(icon(name), label);
  return { button: element, label };
}

function icon(name: keyof typeof ICONS): SVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('part', 'icon');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Muted: the SDK plays the sound. Inline: phones would fill the screen with it. */
function picture(name: string, part: string): HTMLVideoElement {
  const element = make('video', name, part);
  element.muted = true;
  element.autoplay = true;
  element.playsInline = true;
  return element;
}

/** Writes only what is new, so that live regions say nothing twice. */
function put(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function fill(select: HTMLSelectElement, devices: MediaDeviceInfo[], chosen: string | undefined): void {
  select.replaceChildren(
    ...devices.map((device, at) => {
      const option = make('option');
      option.value = device.deviceId;
      option.textContent = device.label || String(at + 1);
      option.selected = device.deviceId === chosen;
      return option;
    }),
  );
}
