// A page calls: hello, place, states, hangup, and every way it does not come to that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';
import { FakePeerConnection, FakeStream, FakeTrack } from '../fakes/browser.mjs';

const URL = 'https://box.example:8443';
const CALL_EVENTS = ['trying', 'ringing', 'earlyMedia', 'accept', 'hold', 'unhold', 'cancel', 'reject', 'disconnect', 'error'];

test('a call is placed, rings, is answered and hung up here', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const connecting = device.connect({ to: ' 100 ', context: { topic: 'kettle' } });

  const hello = await box.expect('hello');
  assert.equal(hello.version, 1);
  assert.equal(hello.token, 'token');
  assert.equal(box.socket.url, 'wss://box.example:8443/api/v1/ws');
  assert.equal(box.socket.protocol, 'causeway.v1');
  const place = await box.expect('call.place');
  assert.deepEqual(
    [place.to, place.sdp, place.context, place.audio, place.video],
    ['100', 'offer 1', { topic: 'kettle' }, true, false],
  );
  await box.ok(place, { call: 'c1', resume: 'r1' });
  const call = await connecting;
  assert.equal(call.id, 'c1');
  const seen = record(call, ...CALL_EVENTS);

  await box.state('c1', 1, 'trying');
  await box.state('c1', 2, 'ringing');
  await box.state('c1', 2, 'ringing');
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 1' });
  await box.state('c1', 3, 'early_media');
  await box.state('c1', 4, 'answered', { codec: 'opus' });
  assert.equal(call.state, 'answered');
  assert.equal(call.codec, 'opus');
  assert.deepEqual(box.peer.answers, ['answer 1']);

  const hangingUp = call.disconnect();
  assert.equal(call.localStream.getAudioTracks()[0].enabled, false, 'the microphone is off before the box knows');
  const hangup = await box.expect('call.hangup');
  await box.ok(hangup);
  await box.state('c1', 5, 'ended', { cause: { code: 'hangup', message: 'In order.', by: 'local' } });
  await hangingUp;
  assert.deepEqual(seen, [['trying'], ['ringing'], ['earlyMedia'], ['accept'], ['disconnect', 'hangup']]);
  assert.deepEqual(device.calls, []);
  assert.equal(box.peer.connectionState, 'closed');
  assert.equal(box.browser.streams[0].getTracks()[0].readyState, 'ended');
  await device.destroy();
  await box.clock.advance(60_000);
  assert.equal(box.clock.armed, 0, 'no timer outlives the device');
});

test('the connection asked of the browser is bundled, muxed and has the servers of box and page', async () => {
  const box = new FakeBox();
  box.servers = [{ urls: 'turn:box.example' }];
  const device = new Device('token', { url: URL, iceServers: [{ urls: 'stun:page.example' }] });
  await box.answeredCall(device);
  const { bundlePolicy, rtcpMuxPolicy, iceServers } = box.peer.configuration;
  assert.deepEqual([bundlePolicy, rtcpMuxPolicy], ['max-bundle', 'require']);
  assert.deepEqual(iceServers.map((s) => s.urls), ['stun:page.example', 'turn:box.example']);
});

test('candidates gathered early are sent once the box has named the call, and not before', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const connecting = device.connect({ to: '100' });
  await box.expect('hello');
  const place = await box.expect('call.place');
  assert.equal(box.heard.some((m) => m.type === 'call.candidate'), false);
  await box.ok(place, { call: 'c1', resume: 'r1' });
  await connecting;
  box.peer.onicecandidate({ candidate: null });
  assert.deepEqual(
    box.heard.filter((m) => m.type === 'call.candidate').map((m) => [m.call, m.candidate]),
    [['c1', { candidate: 'candidate 1', sdpMid: '0', sdpMLineIndex: 0 }], ['c1', null]],
  );
});

test('a preferred codec goes first and drives none of the others out', async () => {
  const box = new FakeBox();
  await box.answeredCall(new Device('token', { url: URL, codec: 'pcmu' }));
  assert.deepEqual(box.peer.preferences, [
    'audio/PCMU', 'audio/opus', 'audio/red', 'audio/G722', 'audio/PCMA', 'audio/telephone-event',
  ]);
});

test('a refused destination rejects with the code of the box and lets the microphone go', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const connecting = device.connect({ to: '0900123' });
  await box.expect('hello');
  const place = await box.expect('call.place');
  await Promise.all([rejectsWith(connecting, 'destination_forbidden'), box.refuse(place, 'destination_forbidden')]);
  assert.equal(box.browser.streams[0].getTracks()[0].readyState, 'ended');
  assert.equal(box.peer.connectionState, 'closed');
  assert.deepEqual(device.calls, []);
});

for (const [name, code] of [
  ['NotAllowedError', 'mic_denied'],
  ['NotFoundError', 'mic_missing'],
  ['OverconstrainedError', 'mic_missing'],
  ['NotReadableError', 'mic_busy'],
]) {
  test(`the browser's ${name} is ${code}`, async () => {
    const box = new FakeBox();
    box.browser.microphone = name;
    const device = new Device('token', { url: URL });
    await rejectsWith(device.connect({ to: '100' }), code);
    assert.equal(FakePeerConnection.made.length, 0);
  });
}

test('a call that only listens asks for no microphone', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const call = await box.answeredCall(device, { to: '100', audio: false });
  assert.deepEqual(box.browser.asked, []);
  assert.equal(box.peer.getTransceivers()[0].init.direction, 'recvonly');
  assert.equal(call.localStream, undefined);
});

test("the page's own stream is never muted or stopped", async () => {
  const box = new FakeBox();
  const own = new FakeStream([new FakeTrack('audio')]);
  const device = new Device('token', { url: URL });
  const call = await box.answeredCall(device, { to: '100', audio: own });
  call.mute();
  assert.equal(call.localStream.getAudioTracks()[0].enabled, false);
  await box.state('c1', 4, 'ended', { cause: { code: 'hangup', message: '', by: 'remote' } });
  assert.deepEqual(own.getAudioTracks().map((t) => [t.enabled, t.readyState]), [[true, 'live']]);
});

for (const [code, sip, before] of [
  ['busy', { status: 486, reason: 'Busy Here' }, 'reject'],
  ['declined', { status: 603, reason: 'Decline' }, 'reject'],
  ['unavailable', { status: 503, reason: 'Service Unavailable' }, undefined],
  ['unreachable', undefined, undefined],
  ['cancelled', undefined, 'cancel'],
]) {
  test(`a call that ends ${code} says so once, with the SIP answer`, async () => {
    const box = new FakeBox();
    const device = new Device('token', { url: URL });
    const connecting = device.connect({ to: '100' });
    await box.expect('hello');
    await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
    const call = await connecting;
    const seen = record(call, ...CALL_EVENTS);
    const cause = { code, message: 'So it is.', by: 'remote', ...(sip ? { sip } : undefined) };
    await box.state('c1', 1, 'ended', { cause });
    await box.state('c1', 2, 'ended', { cause });
    assert.deepEqual(seen, [...(before ? [[before, code]] : []), ['disconnect', code]]);
    assert.deepEqual(call.cause, cause);
    assert.equal(call.state, 'ended');
  });
}

test('an answer that cannot be used ends the call as media_failed', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const connecting = device.connect({ to: '100' });
  await box.expect('hello');
  await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
  const call = await connecting;
  const seen = record(call, 'error', 'disconnect');
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'nonsense' });
  await box.ok(await box.expect('call.hangup'));
  await box.clock.advance(2_000);
  assert.deepEqual(seen, [['error', 'media_failed'], ['disconnect', 'media_failed']]);
});

test('arguments that cannot work are refused without asking the box', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  await rejectsWith(device.connect({ to: '  ' }), 'invalid_argument');
  await rejectsWith(device.connect({ to: '100', context: [] }), 'invalid_argument');
  await rejectsWith(device.connect({ to: '100', context: { text: 'x'.repeat(9000) } }), 'too_large');
  const round = {};
  round.self = round;
  await rejectsWith(device.connect({ to: '100', context: round }), 'invalid_argument');
  assert.throws(() => new Device(''), { code: 'invalid_argument' });
  assert.throws(() => new Device('token', { url: 'ftp://box' }), { code: 'invalid_argument' });
  assert.equal(box.sockets.length, 0);
});

test('the page goes along with the context, unless the context is full or the page says no', async () => {
  globalThis.document = { title: 'Shop', referrer: 'https://search.example/' };
  globalThis.location = { href: 'https://shop.example/kettle', origin: 'https://shop.example' };
  try {
    const page = { url: 'https://shop.example/kettle', title: 'Shop', referrer: 'https://search.example/' };
    for (const [options, own, sent] of [
      [{}, undefined, { page }],
      [{}, { a: 1 }, { a: 1, page }],
      [{}, { page: 'mine' }, { page: 'mine' }],
      [{ pageContext: false }, { a: 1 }, { a: 1 }],
      [{ pageContext: false }, undefined, undefined],
      [{}, { text: 'x'.repeat(8150) }, { text: 'x'.repeat(8150) }],
    ]) {
      const box = new FakeBox();
      const device = new Device('token', { url: URL, ...options });
      device.connect({ to: '100', ...(own ? { context: own } : undefined) }).catch(() => undefined);
      await box.expect('hello');
      assert.deepEqual((await box.expect('call.place')).context, sent);
    }
  } finally {
    delete globalThis.document;
    delete globalThis.location;
  }
});

test('a hangup the box never answers is over all the same', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const call = await box.answeredCall(device);
  const hangingUp = call.disconnect();
  await box.expect('call.hangup');
  await box.clock.advance(2_500);
  await hangingUp;
  assert.equal(call.cause.code, 'hangup');
});

test('a device destroyed while a call is being placed leaves nothing behind', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const connecting = device.connect({ to: '100' });
  await box.expect('hello');
  await box.expect('call.place');
  await Promise.all([assert.rejects(connecting), device.destroy()]);
  await box.clock.advance(60_000);
  assert.equal(box.socket.readyState, 3);
  assert.equal(box.browser.streams[0].getTracks()[0].readyState, 'ended');
  await rejectsWith(device.connect({ to: '100' }), 'destroyed');
});
