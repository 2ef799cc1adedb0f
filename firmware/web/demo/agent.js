// The agent's page: an account goes online, rings, and takes or refuses calls.
//
// For automated tests: ?account=…&autostart=1 goes online at once, &autoanswer=1 takes every call;
// window.causewayDemo = {device, call}.

import { Device, SDK_VERSION } from '/sdk/v1/causeway.js';
import { CallPanel, explain, fetchToken } from './demo.js';

const query = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
const account = element('account');
const presence = element('presence');
const register = element('register');
const panel = new CallPanel(document.querySelector('[data-panel]'));
const demo = (window.causewayDemo = { device: undefined, call: undefined });
let stopRinging = () => {};

account.value = query.get('account') ?? account.value;
element('box').textContent = `SDK ${SDK_VERSION}`;

function show(state, words) {
  presence.dataset.state = state;
  presence.textContent = words;
  register.textContent = state === 'off' ? 'Go online' : 'Go offline';
  register.setAttribute('aria-pressed', String(state !== 'off'));
  account.disabled = state !== 'off';
}

function problem(words) {
  element('account-problem').textContent = words;
  element('account-problem').hidden = !words;
}

async function goOnline() {
  problem('');
  show('wait', 'Connecting…');
  const name = account.value.trim();
  const device = (demo.device = new Device(() => fetchToken(name), { logLevel: 'info' }));
  device.on('registered', (who) => show('on', `Online as ${who}`));
  device.on('unregistered', () => show('wait', 'Not reachable'));
  device.on('connectionState', (state) => state === 'reconnecting' && show('wait', 'Reconnecting…'));
  device.on('error', (error, call) => !call && problem(explain(error)));
  device.on('incoming', ring);
  try {
    await device.register();
  } catch (error) {
    await goOffline();
    problem(explain(error));
  }
}

async function goOffline() {
  const device = demo.device;
  demo.device = undefined;
  await device?.destroy();
  show('off', 'Offline');
}

function ring(call) {
  if (demo.call && demo.call.state !== 'ended') {
    call.reject('busy').catch((error) => problem(explain(error)));
    return;
  }
  demo.call = call;
  panel.log(`Call from ${call.from}`);
  panel.follow(call);
  element('caller').textContent = call.fromName ? `${call.fromName} (${call.from})` : call.from;
  element('called').textContent = `to ${call.to}`;
  element('incoming').hidden = false;
  element('accept').disabled = false;
  element('accept').focus();
  stopRinging = ringtone();
  const done = () => {
    stopRinging();
    element('incoming').hidden = true;
  };
  call.on('accept', done);
  call.on('disconnect', done);
  if (query.get('autoanswer') === '1') void accept();
}

async function accept() {
  element('accept').disabled = true;
  stopRinging();
  try {
    await demo.call.accept();
  } catch (error) {
    element('accept').disabled = false;
    if (error.code !== 'call_ended') panel.problem(explain(error));
  }
}

/** Two soft notes every two seconds, out of nothing but the browser. */
function ringtone() {
  const context = new AudioContext();
  const gain = context.createGain();
  gain.gain.value = 0;
  gain.connect(context.destination);
  const notes = [440, 554.37].map((frequency) => {
    const note = new OscillatorNode(context, { frequency });
    note.connect(gain);
    note.start();
    return note;
  });
  const beat = () => {
    const now = context.currentTime;
    gain.gain.setTargetAtTime(0.06, now, 0.02);
    gain.gain.setTargetAtTime(0, now + 0.7, 0.05);
  };
  beat();
  const timer = setInterval(beat, 2000);
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    for (const note of notes) note.stop();
    void context.close();
  };
}

element('registration').addEventListener('submit', (event) => {
  event.preventDefault();
  void (demo.device ? goOffline() : goOnline());
});
element('accept').addEventListener('click', () => void accept());
element('reject').addEventListener('click', () => demo.call?.reject().catch((error) => panel.problem(explain(error))));
element('hangup').addEventListener('click', () => void demo.call?.disconnect());
if (query.get('autostart') === '1') void goOnline();
