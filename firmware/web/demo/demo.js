// The customer page, and what it shares with the agent's: tokens and the call panel.
//
// For automated tests: ?to=…&codec=…&autostart=1, and window.causewayDemo = {device, call}.

import { CausewayError, Device, LevelMeter, SDK_VERSION } from '/sdk/v1/causeway.js';

const STATES = {
  placing: 'Connecting…', incoming: 'Ringing', trying: 'Calling…', ringing: 'Ringing…', early_media: 'One moment…',
  answered: 'Connected', held: 'On hold', ended: 'Call ended',
};
const HELD = { local: 'On hold', remote: 'They put you on hold', both: 'On hold on both sides' };
const ENDINGS = {
  hangup: 'Call ended', cancelled: 'Call given up', answered_elsewhere: 'Answered elsewhere', busy: 'Busy', declined: 'Declined',
  no_answer: 'No answer', not_found: 'No such number', not_allowed: 'Not allowed', unavailable: 'Not available right now',
  unreachable: 'Nobody could be reached', session_lost: 'Connection lost', media_lost: 'Audio lost', media_failed: 'No way for audio',
};
const ADVICE = {
  mic_denied: 'The microphone is blocked. Allow it in the address bar and call again.',
  mic_missing: 'No microphone was found. Plug one in and call again.',
  mic_busy: 'Another program uses the microphone. Close it and call again.',
  autoplay_blocked: 'Click anywhere on the page to hear the other side.',
  connection_lost: 'The box cannot be reached. Check your connection and call again.',
};

/** Asks this box for a demo token. A shop's own server would do this with its app's secret. */
export async function fetchToken(account) {
  const response = await fetch('/demo/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(account ? { account } : {}),
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new CausewayError(body.error?.code ?? 'token_failed', body.error?.message ?? 'The box gave no token.');
  }
  return body.token;
}

/** What a person can do about an error. */
export function explain(error) {
  return ADVICE[error.code] ?? `${error.message} (${error.code})`;
}

/** The part of both pages that shows one call and its buttons. */
export class CallPanel {
  call = undefined;
  #root;
  #idle;
  #meters;
  #frame;
  #ticking;

  /** `idle` is the label of the big button without a call, or nothing: then it only hangs up. */
  constructor(root, { idle } = {}) {
    this.#root = root;
    this.#idle = idle;
    for (const key of '123456789*0#') {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = key;
      button.dataset.digit = key;
      button.addEventListener('click', () => this.#press(key));
      this.#part('keypad').append(button);
    }
    this.#part('mute').addEventListener('click', () => this.call?.mute(!this.call.muted));
    this.#part('hold').addEventListener('click', () => this.#toggleHold());
    this.#part('keys').addEventListener('click', () => this.#showKeypad(this.#part('keypad').hidden));
    document.addEventListener('keydown', (event) => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName ?? '');
      if (this.call?.answeredAt && !typing && !event.ctrlKey && !event.metaKey && /^[0-9*#]$/.test(event.key)) this.#press(event.key);
    });
    this.#draw();
  }

  /** Shows a call from now to its end. */
  follow(call) {
    this.call = call;
    this.problem('');
    const states = { trying: 'Calling', ringing: 'Ringing', earlyMedia: 'Early media', accept: 'Answered', unhold: 'Off hold' };
    for (const [event, words] of Object.entries(states)) call.on(event, () => this.#changed(words));
    call.on('hold', (by) => this.#changed(`Held (${by})`));
    call.on('mute', (muted) => this.#changed(muted ? 'Muted' : 'Unmuted'));
    call.on('dtmf', (digit) => this.#changed(`They pressed ${digit}`));
    call.on('warning', ({ code, message }) => this.#changed(`${message} (${code})`));
    call.on('warningCleared', (code) => this.#changed(`Over: ${code}`));
    call.on('reconnecting', (error) => this.#changed(`Reconnecting (${error.code})`));
    call.on('reconnected', () => this.#changed('Reconnected'));
    call.on('error', (error) => this.problem(explain(error)));
    call.on('disconnect', (cause) => {
      const sip = cause.sip ? `, SIP ${cause.sip.status} ${cause.sip.reason}` : '';
      this.#changed(`Ended: ${cause.code}, by ${cause.by}${sip}`);
      this.#showKeypad(false);
    });
    this.#draw();
  }

  /** A line for the log. */
  log(words) {
    const list = this.#part('log');
    const line = document.createElement('li');
    const time = document.createElement('time');
    time.textContent = new Date().toLocaleTimeString([], { hour12: false });
    const text = document.createElement('span');
    text.textContent = words;
    line.append(time, text);
    list.append(line);
    while (list.children.length > 200) list.firstChild.remove();
    list.scrollTop = list.scrollHeight;
  }

  /** Something the user should know; '' takes it away. */
  problem(words) {
    const place = this.#part('problem');
    place.textContent = words;
    place.hidden = !words;
    if (words) this.log(words);
  }

  /** Between the click and the call. */
  waiting(words) {
    this.#part('status').textContent = words;
    this.#part('call').disabled = words !== '';
    if (words === '') this.#draw();
  }

  #part(name) {
    return this.#root.querySelector(`[data-${name}]`);
  }

  #changed(words) {
    this.log(words);
    this.#draw();
  }

  #draw() {
    const call = this.call;
    const live = call !== undefined && call.state !== 'ended';
    const talking = live && call.answeredAt !== undefined;
    const status = !call ? (this.#idle ? 'Ready' : 'No call')
      : call.state === 'ended' ? (ENDINGS[call.cause?.code] ?? 'Call ended')
      : call.reconnecting ? 'Reconnecting…'
      : call.state === 'held' ? HELD[call.heldBy] : STATES[call.state];
    this.#part('status').textContent = status;
    this.#part('status').dataset.state = call?.state ?? 'idle';
    this.#part('detail').textContent = !call ? ''
      : call.state === 'ended' ? (call.cause?.message ?? '')
      : [call.direction === 'incoming' ? `from ${call.fromName ?? call.from}` : `to ${call.to}`, call.codec].filter(Boolean).join(' · ');
    const big = this.#part('call');
    big.dataset.mode = live || !this.#idle ? 'hangup' : 'call';
    big.disabled = live ? call.state === 'incoming' : !this.#idle;
    this.#part('call-label').textContent = live || !this.#idle ? 'Hang up' : this.#idle;
    this.#toggle('mute', live && call.state !== 'incoming', call?.muted ?? false, call?.muted ? 'Unmute' : 'Mute');
    const heldHere = call?.heldBy === 'local' || call?.heldBy === 'both';
    this.#toggle('hold', talking, heldHere, heldHere ? 'Resume' : 'Hold');
    this.#part('keys').disabled = !live || call.state === 'incoming';
    this.#tick(live);
  }

  #toggle(name, enabled, pressed, label) {
    const button = this.#part(name);
    button.disabled = !enabled;
    button.setAttribute('aria-pressed', String(pressed && enabled));
    button.textContent = label;
  }

  async #toggleHold() {
    const call = this.call;
    const button = this.#part('hold');
    button.disabled = true;
    try {
      await (call.heldBy === 'local' || call.heldBy === 'both' ? call.resume() : call.hold());
    } catch (error) {
      if (error.code !== 'call_ended') this.problem(explain(error));
    }
    this.#draw();
  }

  #showKeypad(shown) {
    this.#part('keypad').hidden = !shown;
    this.#part('keys').setAttribute('aria-expanded', String(shown));
  }

  #press(digit) {
    const call = this.call;
    if (!call || call.state === 'ended') return;
    this.log(`Pressed ${digit}`);
    call.sendDigits(digit).catch((error) => error.code !== 'call_ended' && this.problem(explain(error)));
  }

  // ---- timer and meters, drawn while there is a call ----

  #tick(live) {
    if (live === (this.#ticking !== undefined)) return;
    if (!live) {
      clearInterval(this.#ticking);
      cancelAnimationFrame(this.#frame);
      this.#ticking = undefined;
      for (const meter of Object.values(this.#meters ?? {})) meter?.close();
      this.#meters = undefined;
      this.#level('level-in', -100);
      this.#level('level-out', -100);
      this.#time();
      return;
    }
    this.#time();
    this.#ticking = setInterval(() => this.#time(), 250);
    const measure = () => {
      this.#frame = requestAnimationFrame(measure);
      this.#openMeters();
      this.#level('level-in', this.#meters?.input?.decibels ?? -100);
      this.#level('level-out', this.#meters?.output?.decibels ?? -100);
    };
    this.#frame = requestAnimationFrame(measure);
  }

  #openMeters() {
    const { localStream, remoteStream } = this.call ?? {};
    this.#meters ??= { input: undefined, output: undefined };
    if (!this.#meters.input && localStream?.getAudioTracks().length) this.#meters.input = new LevelMeter(localStream);
    if (!this.#meters.output && remoteStream?.getAudioTracks().length) this.#meters.output = new LevelMeter(remoteStream);
  }

  #level(name, decibels) {
    const share = Math.min(1, Math.max(0, (decibels + 60) / 60));
    this.#part(name).style.transform = `scaleX(${share.toFixed(3)})`;
  }

  #time() {
    const seconds = Math.floor(this.call?.duration ?? 0);
    this.#part('timer').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

/** What the shop knows about its customer. */
const CONTEXT = {
  customer: { name: 'Mira Sandberg', number: 'K-20417', language: 'en' },
  basket: [
    { article: 'Copper kettle, 1.2 l', price: 89.0 },
    { article: 'Beechwood handle', price: 14.5 },
  ],
  topic: 'Does it fit an induction hob?',
};

function customerPage() {
  const query = new URLSearchParams(location.search);
  const to = document.getElementById('to');
  const codec = document.getElementById('codec');
  const page = { url: location.href, title: document.title, referrer: document.referrer };
  document.getElementById('context').textContent = JSON.stringify({ ...CONTEXT, page }, null, 2);
  document.getElementById('box').textContent = `SDK ${SDK_VERSION}`;
  to.value = query.get('to') ?? to.value;
  if ([...codec.options].some((option) => option.value === query.get('codec'))) codec.value = query.get('codec');

  const panel = new CallPanel(document.querySelector('[data-panel]'), { idle: 'Call now' });
  const demo = (window.causewayDemo = { device: undefined, call: undefined });
  const newDevice = () => {
    const device = new Device(() => fetchToken(query.get('account') ?? undefined), { codec: codec.value, logLevel: 'info', keepOnReload: true });
    device.on('connectionState', (state) => panel.log(`Box: ${state}`));
    device.on('error', (error, call) => !call && panel.problem(explain(error)));
    device.on('resumed', (call) => {
      panel.log('Taken up from the page before');
      follow(call);
    });
    return device;
  };
  const follow = (call) => {
    demo.call = call;
    panel.waiting('');
    panel.follow(call);
    for (const field of [to, codec]) field.disabled = true;
    call.on('callbackOffered', () => offerCallback(call));
    call.on('disconnect', () => {
      for (const field of [to, codec]) field.disabled = false;
    });
  };
  // No way for sound: the shop calls instead.
  const callback = document.getElementById('callback');
  const offerCallback = (call) => {
    callback.hidden = false;
    callback.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await call.requestCallback(new FormData(callback).get('number'));
        callback.hidden = true;
        panel.problem('');
        panel.log('We call you back');
      } catch (error) {
        panel.problem(explain(error));
      }
    };
  };
  demo.device = newDevice();
  // The codec is the device's: another choice takes another device, between calls.
  codec.addEventListener('change', () => {
    if (demo.device.calls.length > 0) return;
    void demo.device.destroy();
    demo.device = newDevice();
  });

  const call = async () => {
    panel.problem('');
    panel.waiting('Connecting…');
    try {
      callback.hidden = true;
      follow(await demo.device.connect({ to: to.value, context: CONTEXT }));
    } catch (error) {
      panel.waiting('');
      panel.problem(explain(error));
    }
  };
  document.getElementById('call').addEventListener('click', () => {
    const running = demo.call && demo.call.state !== 'ended';
    void (running ? demo.call.disconnect() : call());
  });
  if (query.get('autostart') === '1') void call();
}

if (document.body.dataset.page === 'shop') customerPage();
