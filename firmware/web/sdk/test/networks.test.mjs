// Networks without a way, networks that change, pages that are loaded anew, and the wish to be called instead.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';
import { settle } from '../fakes/clock.mjs';

const URL = 'https://box.example';

/** A call whose answer is there and whose checks nobody answers. */
async function unanswered(servers = []) {
  const box = new FakeBox();
  box.servers = servers;
  const device = new Device('token', { url: URL, logLevel: 'silent' });
  const connecting = device.connect({ to: '100', context: { cart: 3 } });
  await box.expect('hello');
  await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
  const call = await connecting;
  const seen = record(call, 'error', 'callbackOffered', 'disconnect');
  box.peer.iceConnectionState = 'checking';
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 1' });
  return { box, device, call, seen };
}

const RELAY = [{ urls: ['turn:box.example:443?transport=tcp'], username: 'u', credential: 'c' }];

test('without an answered check the caller is told within five seconds, and offered a call-back', async () => {
  const { box, seen } = await unanswered();
  await box.clock.advance(3_900);
  await box.expectNothing();
  await box.clock.advance(400);
  const hangup = await box.expect('call.hangup');
  assert.equal(hangup.reason, 'no_path');
  await box.ok(hangup);
  await box.clock.advance(2_000);
  assert.deepEqual(seen, [['error', 'no_path'], ['callbackOffered', 'no_path'], ['disconnect', 'media_failed']]);
});

test('a relay that was reached has more time', async () => {
  const { box, seen } = await unanswered(RELAY);
  box.peer.onicecandidate({ candidate: { candidate: 'candidate:1 1 udp 1 203.0.113.10 40000 typ relay', sdpMid: '0', sdpMLineIndex: 0 } });
  await box.clock.advance(7_500);
  assert.deepEqual(seen, []);
  await box.clock.advance(800);
  assert.deepEqual(seen[0], ['error', 'no_path']);
});

test('an answered check is a way, however long the handshake takes', async () => {
  const { box, seen } = await unanswered();
  await box.clock.advance(2_000);
  box.peer.iceConnectionState = 'connected';
  await box.clock.advance(9_000);
  assert.deepEqual(seen, []);
});

test('a wish to be called goes with the context of the call, also after its end', async () => {
  const { box, call } = await unanswered();
  await box.clock.advance(4_300);
  await box.ok(await box.expect('call.hangup'));
  await box.clock.advance(2_000);
  assert.equal(call.state, 'ended');
  const asked = call.requestCallback('+49 30 555', { name: 'Mira' });
  const wish = await box.expect('callback.request');
  assert.deepEqual(
    [wish.number, wish.name, wish.to, wish.call, wish.context],
    ['+49 30 555', 'Mira', '100', 'c1', { cart: 3 }],
  );
  await box.ok(wish, { callback: 'b1' });
  assert.equal(await asked, 'b1');
});

test('a wish that nobody takes is refused, and needs no call', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL, logLevel: 'silent' });
  const asked = device.requestCallback({ number: '030555' });
  await box.expect('hello');
  const wish = await box.expect('callback.request');
  assert.deepEqual(Object.keys(wish).sort(), ['id', 'number', 'type']);
  const refused = rejectsWith(asked, 'refused');
  await box.refuse(wish, 'refused');
  await refused;
});

async function talking(options = {}) {
  const box = new FakeBox();
  const device = new Device('token', { url: URL, logLevel: 'silent', ...options });
  const call = await box.answeredCall(device);
  return { box, device, call, seen: record(call, 'reconnecting', 'reconnected', 'disconnect') };
}

test('silence is doubt: the socket is asked and ICE restarts, seconds before the browser knows', async () => {
  const { box, seen } = await talking();
  let packet = 1;
  box.peer.getReceivers = () => [{ getSynchronizationSources: () => [{ timestamp: packet }] }];
  for (let i = 0; i < 8; i += 1) {
    packet += 1;
    await box.clock.advance(250);
  }
  await box.expectNothing();
  await box.clock.advance(1_000);
  const restart = await box.expect('call.restart');
  assert.ok(box.heard.some((m) => m.type === 'ping'));
  await box.ok(restart);
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
  for (let i = 0; i < 3; i += 1) {
    packet += 1;
    await box.clock.advance(250);
  }
  assert.deepEqual(seen, [], 'over before anybody was told');
  await box.clock.advance(1_000);
  await box.expect('call.restart');
  await box.clock.advance(1_500);
  assert.deepEqual(seen, [['reconnecting', 'media_lost']]);
});

test('silence of the far side costs one restart: the checks it is answered say that the path stands', async () => {
  const { box, seen } = await talking();
  let packet = 1;
  box.peer.getReceivers = () => [{ getSynchronizationSources: () => [{ timestamp: packet }] }];
  packet += 1;
  await box.clock.advance(1_500);
  await box.ok(await box.expect('call.restart'));
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
  for (let responses = 1; responses < 200; responses += 1) {
    box.peer.stats = new Map([['p', { id: 'p', type: 'candidate-pair', responsesReceived: responses }]]);
    await box.clock.advance(250);
  }
  await box.expectNothing();
  assert.deepEqual(seen, []);
});

test('a held call is silent and nobody doubts it', async () => {
  const { box, seen } = await talking();
  let packet = 1;
  box.peer.getReceivers = () => [{ getSynchronizationSources: () => [{ timestamp: packet }] }];
  await box.clock.advance(250);
  await box.state('c1', 4, 'held', { held_by: 'remote' });
  await box.clock.advance(20_000);
  await box.expectNothing();
  assert.deepEqual(seen, []);
});

test('a network that was gone is not asked: a new socket at once, the call again, a restart', async () => {
  const listeners = fakeWindow();
  try {
    const { box, seen } = await talking();
    listeners.fire('offline');
    listeners.fire('online');
    await settle();
    await box.expect('hello');
    await box.ok(await box.expect('call.reattach'), { state: { call: 'c1', state: 'answered', seq: 3, answer: 'answer 1' } });
    await box.ok(await box.expect('call.restart'));
    assert.equal(seen[0][0], 'reconnecting');
  } finally {
    listeners.remove();
  }
});

test('a reload hands the call to the next page and keeps its secret out of every address', async () => {
  const listeners = fakeWindow();
  try {
    const { box, call } = await talking({ keepOnReload: true });
    call.mute();
    listeners.fire('pagehide');
    await box.expectNothing();
    const [[key, text]] = [...listeners.stored];
    assert.ok(!key.includes('r1') && text.includes('r1'));
    assert.equal(box.peer.connectionState, 'closed');

    // The next page.
    const next = new FakeBox();
    const device = new Device('token', { url: URL, logLevel: 'silent', keepOnReload: true });
    let resumed;
    device.on('resumed', (call) => (resumed = call));
    await next.expect('hello');
    const again = await next.expect('call.reattach');
    assert.deepEqual([again.call, again.resume, again.sdp, again.video], ['c1', 'r1', 'offer 1', false]);
    await next.ok(again, { state: { call: 'c1', state: 'answered', seq: 3, codec: 'opus', answer: 'answer 9' } });
    assert.deepEqual([resumed.id, resumed.state, resumed.to, resumed.muted], ['c1', 'answered', '100', true]);
    assert.deepEqual(next.peer.answers, ['answer 9']);
    assert.equal(resumed.localStream.getAudioTracks()[0].enabled, false, 'muted as before');
    assert.equal(listeners.stored.size, 0, 'read once');
    await next.state('c1', 4, 'held', { held_by: 'remote' });
    assert.equal(resumed.heldBy, 'remote');
  } finally {
    listeners.remove();
  }
});

for (const shows of [true, false]) {
  test(`a picture ${shows ? 'that is shown' : 'that is only looked at'} outlives a reload`, async () => {
    const listeners = fakeWindow();
    try {
      const { box, call } = await talking({ keepOnReload: true });
      const showing = shows ? call.setVideo(true) : undefined;
      if (shows) await box.ok(await box.expect('call.video'));
      await box.say({ type: 'call.video', call: 'c1', video: true });
      await box.ok(await box.expect('call.restart'));
      await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
      await showing;
      listeners.fire('pagehide');

      const next = new FakeBox();
      const device = new Device('token', { url: URL, logLevel: 'silent', keepOnReload: true });
      let resumed;
      device.on('resumed', (call) => (resumed = call));
      await next.expect('hello');
      const again = await next.expect('call.reattach');
      assert.equal(again.video, shows);
      await next.ok(again, { state: { call: 'c1', state: 'answered', seq: 3, answer: 'answer 9', video: true } });
      if (!shows) {
        await next.ok(await next.expect('call.restart'));
        await next.say({ type: 'call.answer', call: 'c1', sdp: 'answer 10' });
      }
      await next.expectNothing();
      const tracks = [resumed.localStream, resumed.remoteStream].map((stream) => stream.getVideoTracks().length);
      assert.deepEqual([resumed.video, ...tracks], [true, shows ? 1 : 0, 1]);
    } finally {
      listeners.remove();
    }
  });
}

test('a tab that is closed hangs up', async () => {
  const listeners = fakeWindow({ navigates: true });
  try {
    const { box } = await talking({ keepOnReload: true });
    listeners.fire('pagehide');
    await box.expect('call.hangup');
    assert.equal(listeners.stored.size, 0);
  } finally {
    listeners.remove();
  }
});

test('what the box has given up by now is not sought', async () => {
  const listeners = fakeWindow();
  try {
    const { box } = await talking({ keepOnReload: true });
    listeners.fire('pagehide');
    await box.clock.advance(31_000);
    const device = new Device('token', { url: URL, logLevel: 'silent', keepOnReload: true });
    record(device, 'resumed');
    await box.expectNothing();
    assert.equal(listeners.stored.size, 0);
  } finally {
    listeners.remove();
  }
});

/** As much of a window as devices listen to, and its tab's storage. */
function fakeWindow({ navigates = false } = {}) {
  const stored = new Map();
  const target = new EventTarget();
  const names = ['addEventListener', 'removeEventListener', 'sessionStorage', 'navigation'];
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  const put = (name, value) => Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
  put('addEventListener', target.addEventListener.bind(target));
  put('removeEventListener', target.removeEventListener.bind(target));
  put('sessionStorage', {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, text) => stored.set(key, text),
    removeItem: (key) => stored.delete(key),
  });
  put('navigation', navigates ? new EventTarget() : undefined);
  return {
    stored,
    fire: (name) => target.dispatchEvent(new Event(name)),
    remove() {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else delete globalThis[name];
      }
    },
  };
}
