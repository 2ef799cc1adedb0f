// The socket drops: backoff, a fresh token, reattaching, what changed meanwhile, and giving up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';

const URL = 'https://box.example';
const EVENTS = ['ringing', 'accept', 'hold', 'unhold', 'reconnecting', 'reconnected', 'disconnect', 'error'];

async function talking(token = 'token') {
  const box = new FakeBox();
  const device = new Device(token, { url: URL, logLevel: 'silent' });
  const call = await box.answeredCall(device);
  return { box, device, call, seen: record(call, ...EVENTS), states: record(device, 'connectionState') };
}

const snapshot = (state, seq, more = {}) => ({ state: { call: 'c1', state, seq, ...more } });

test('a dropped socket comes back with a fresh token and the call never ended', async () => {
  let minted = 0;
  const { box, call, seen, states } = await talking(async () => `token ${(minted += 1)}`);
  await box.cut();
  assert.equal(call.reconnecting, true);
  assert.equal(box.peer.connectionState, 'connected', 'media goes on');
  await box.clock.advance(250);
  const hello = await box.expect('hello');
  assert.equal(hello.token, 'token 2');
  const reattach = await box.expect('call.reattach');
  assert.deepEqual([reattach.call, reattach.resume], ['c1', 'r1']);
  await box.ok(reattach, snapshot('answered', 3));
  assert.deepEqual(seen, [['reconnecting', 'connection_lost'], ['reconnected']]);
  assert.deepEqual(states, [['connectionState', 'reconnecting'], ['connectionState', 'connected']]);
  await box.state('c1', 4, 'held', { held_by: 'remote' });
  assert.equal(call.heldBy, 'remote', 'events go on where they stopped');
});

test('a device with a plain token keeps it', async () => {
  const { box } = await talking('kept');
  await box.cut();
  await box.clock.advance(250);
  assert.deepEqual(box.tokens, ['kept', 'kept']);
});

test('pauses grow from 250 ms to 5 s and end the moment the network is back', async () => {
  const { box } = await talking();
  const attempts = [];
  box.reachable = false;
  await box.cut();
  const before = box.sockets.length;
  let last = box.clock.now;
  for (let ms = 0; ms < 28_000; ms += 25) {
    await box.clock.advance(25);
    if (box.sockets.length > before + attempts.length) {
      attempts.push(box.clock.now - last);
      last = box.clock.now;
    }
  }
  assert.ok(attempts.length >= 6, `${attempts.length} attempts`);
  for (const [i, pause] of attempts.entries()) {
    const full = Math.min(250 * 2 ** i, 5_000);
    assert.ok(pause >= full / 2 - 25 && pause <= full + 25, `pause ${i} is ${pause} ms, between ${full / 2} and ${full}`);
  }
});

test('what happened meanwhile is told by the snapshot: answered, then held', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL, logLevel: 'silent' });
  const connecting = device.connect({ to: '100' });
  await box.expect('hello');
  await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
  const call = await connecting;
  const seen = record(call, ...EVENTS);
  await box.state('c1', 1, 'ringing');
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), snapshot('held', 3, { held_by: 'remote', codec: 'opus', answer: 'answer 1' }));
  assert.deepEqual(seen, [['ringing'], ['reconnecting', 'connection_lost'], ['accept'], ['hold', 'remote'], ['reconnected']]);
  assert.deepEqual(box.peer.answers, ['answer 1'], 'the answer missed is applied');
});

test('a call that ended meanwhile ends here, with its cause', async () => {
  const { box, call, seen } = await talking();
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  const cause = { code: 'hangup', message: 'They hung up.', by: 'remote' };
  await box.ok(await box.expect('call.reattach'), snapshot('ended', 4, { cause }));
  assert.deepEqual(call.cause, cause);
  assert.deepEqual(seen, [['reconnecting', 'connection_lost'], ['disconnect', 'hangup']]);
});

test('a call the box no longer knows is session_lost', async () => {
  const { box, seen } = await talking();
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  await box.refuse(await box.expect('call.reattach'), 'call_not_found');
  assert.deepEqual(seen.at(-1), ['disconnect', 'session_lost']);
});

test('after the time the box keeps calls, the call is session_lost and the search ends', async () => {
  const { box, device, seen } = await talking();
  box.reachable = false;
  await box.cut();
  await box.clock.advance(29_900);
  assert.equal(seen.length, 1);
  await box.clock.advance(200);
  assert.deepEqual(seen, [['reconnecting', 'connection_lost'], ['disconnect', 'session_lost']]);
  assert.equal(device.connectionState, 'disconnected');
  const tried = box.sockets.length;
  await box.clock.advance(60_000);
  assert.equal(box.sockets.length, tried);
});

test('a second drop while reattaching starts over', async () => {
  const { box, seen } = await talking();
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  await box.expect('call.reattach');
  await box.cut();
  await box.clock.advance(500);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), snapshot('answered', 3));
  assert.deepEqual(seen, [['reconnecting', 'connection_lost'], ['reconnected']]);
});

test('a hold in flight is judged by the snapshot: done', async () => {
  const { box, call } = await talking();
  const holding = call.hold();
  await box.expect('call.hold');
  await box.cut();
  assert.equal(call.localStream.getAudioTracks()[0].enabled, false, 'silent as long as its fate is open');
  await box.clock.advance(250);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), snapshot('held', 4, { held_by: 'local' }));
  await holding;
  assert.equal(call.heldBy, 'local');
  assert.equal(call.localStream.getAudioTracks()[0].enabled, false);
});

test('a hold in flight is judged by the snapshot: not done', async () => {
  const { box, call } = await talking();
  const holding = rejectsWith(call.hold(), 'connection_lost');
  await box.expect('call.hold');
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), snapshot('answered', 3));
  await holding;
  assert.deepEqual([call.held, call.localStream.getAudioTracks()[0].enabled], [false, true]);
});

test('a hold asked for while the connection is away is sent when it is back; digits are not', async () => {
  const { box, call } = await talking();
  await box.cut();
  const holding = call.hold();
  await rejectsWith(call.sendDigits('1'), 'connection_lost');
  await box.clock.advance(250);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), snapshot('answered', 3));
  await box.ok(await box.expect('call.hold'));
  await holding;
  assert.equal(call.heldBy, 'local');
});

test('a hangup while the connection is away is over at once and told later', async () => {
  const { box, call } = await talking();
  await box.cut();
  await call.disconnect();
  assert.equal(call.state, 'ended');
  assert.equal(call.cause.code, 'hangup');
  await box.clock.advance(250);
  await box.expect('hello');
  const reattach = await box.expect('call.reattach');
  assert.equal(reattach.resume, 'r1');
  await box.ok(reattach, snapshot('answered', 3));
  assert.equal((await box.expect('call.hangup')).call, 'c1');
});

test('a box that answers no ping is taken for lost', async () => {
  const { box, seen } = await talking();
  await box.clock.advance(31_000);
  assert.deepEqual(seen, [], 'as long as it answers, nothing happens');
  const pings = box.heard.filter((m) => m.type === 'ping').length;
  assert.equal(pings, 2);
  box.answersPings = false;
  await box.clock.advance(21_000);
  assert.deepEqual(seen[0], ['reconnecting', 'connection_lost']);
});

test('without a call or registration a lost connection is not sought again', async () => {
  const { box, device } = await talking();
  await box.state('c1', 4, 'ended', { cause: { code: 'hangup', message: '', by: 'remote' } });
  await box.cut();
  await box.clock.advance(60_000);
  assert.equal(box.sockets.length, 1);
  assert.equal(device.connectionState, 'disconnected');
  box.answeredCall(device).catch(() => undefined);
  await box.expect('hello').catch(() => undefined);
  assert.equal(box.sockets.length, 2, 'the next call connects anew');
});

test('a box out of reach rejects the first connection when its time is up', async () => {
  const box = new FakeBox();
  box.reachable = false;
  const device = new Device('token', { url: URL, connectTimeoutMs: 3_000, logLevel: 'silent' });
  const connecting = rejectsWith(device.connect({ to: '100' }), 'connection_lost');
  await box.clock.advance(3_100);
  await connecting;
  assert.ok(box.sockets.length >= 3);
  assert.equal(box.browser.streams[0].getTracks()[0].readyState, 'ended');
});

test('a socket that never opens is given up and tried again', async () => {
  const box = new FakeBox();
  box.reachable = 'silent';
  const device = new Device('token', { url: URL, connectTimeoutMs: 30_000, logLevel: 'silent' });
  const connecting = device.connect({ to: '100' });
  await box.clock.advance(8_100);
  box.reachable = true;
  await box.clock.advance(500);
  await box.expect('hello');
  await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
  assert.equal((await connecting).id, 'c1');
});
