// An account is called: accept, reject, too late, already busy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';
import { FakePeerConnection } from '../fakes/browser.mjs';

const EVENTS = ['accept', 'cancel', 'reject', 'disconnect', 'error'];

async function rung() {
  const box = new FakeBox();
  box.account = 'anna@example.com';
  const device = new Device('token', { url: 'https://box.example', logLevel: 'silent' });
  let call;
  device.on('incoming', (incoming) => (call = incoming));
  await device.register();
  await box.expect('hello');
  await box.say({
    type: 'call.incoming', call: 'c7', resume: 'r7', from: { number: '+4930123', name: 'Mira' }, to: '+49301001', expires_s: 30,
  });
  return { box, device, call, seen: record(call, ...EVENTS) };
}

test('an incoming call is accepted with an offer of ours', async () => {
  const { box, call, seen } = await rung();
  assert.deepEqual(
    [call.direction, call.from, call.fromName, call.to, call.state, call.id],
    ['incoming', '+4930123', 'Mira', '+49301001', 'incoming', 'c7'],
  );
  assert.equal(FakePeerConnection.made.length, 0, 'nothing is opened before the user said yes');
  const accepting = call.accept();
  const request = await box.expect('call.accept');
  assert.deepEqual([request.call, request.sdp], ['c7', 'offer 1']);
  await box.ok(request);
  await accepting;
  await box.say({ type: 'call.answer', call: 'c7', sdp: 'answer 1' });
  await box.state('c7', 1, 'answered', { codec: 'PCMU' });
  assert.deepEqual([call.state, call.codec], ['answered', 'PCMU']);
  assert.deepEqual(seen, [['accept']]);
  await rejectsWith(call.accept(), 'wrong_state');
});

test('what the telephone system says of a diverted call and its context is there', async () => {
  const { box, device } = await rung();
  let call;
  device.on('incoming', (incoming) => (call = incoming));
  const context = '0123456789abcdef01234567';
  await box.say({
    type: 'call.incoming', call: 'c8', resume: 'r8', from: { number: 'anonymous' }, to: '+49301001', expires_s: 30, diverted_from: '100', context,
  });
  assert.deepEqual([call.from, call.fromName, call.divertedFrom, call.contextToken], ['anonymous', undefined, '100', context]);
  assert.equal(call.context, undefined);
});

test('a call is rejected as busy or declined', async () => {
  const { box, call, seen } = await rung();
  const rejecting = call.reject('busy');
  const request = await box.expect('call.reject');
  assert.equal(request.reason, 'busy');
  await box.ok(request);
  await rejecting;
  assert.deepEqual(seen, [['reject', 'busy'], ['disconnect', 'busy']]);
});

test('without a microphone the call goes on ringing and may be accepted again', async () => {
  const { box, call } = await rung();
  box.browser.microphone = 'NotAllowedError';
  await rejectsWith(call.accept(), 'mic_denied');
  assert.equal(call.state, 'incoming');
  box.browser.microphone = 'works';
  const accepting = call.accept();
  await box.ok(await box.expect('call.accept'));
  await accepting;
});

test('an accept the box refuses closes what it opened', async () => {
  const { box, call } = await rung();
  const failed = rejectsWith(call.accept(), 'wrong_state');
  await box.refuse(await box.expect('call.accept'), 'wrong_state');
  await failed;
  assert.equal(box.peer.connectionState, 'closed');
  assert.equal(box.browser.streams[0].getTracks()[0].readyState, 'ended');
});

test('the caller gives up, or another device answers', async () => {
  for (const code of ['cancelled', 'answered_elsewhere']) {
    const { box, device, call, seen } = await rung();
    await box.state('c7', 1, 'ended', { cause: { code, message: '', by: 'remote' } });
    assert.deepEqual(seen, [['cancel', code], ['disconnect', code]]);
    await rejectsWith(call.accept(), 'wrong_state');
    assert.deepEqual(device.calls, []);
  }
});

test('a call that ends while the microphone is asked for opens nothing', async () => {
  const { box, call } = await rung();
  let allow;
  navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => (allow = resolve));
  const failed = rejectsWith(call.accept(), 'call_ended');
  await box.state('c7', 1, 'ended', { cause: { code: 'cancelled', message: '', by: 'remote' } });
  const track = { kind: 'audio', stopped: false, stop() { this.stopped = true; } };
  allow({ getTracks: () => [track] });
  await failed;
  assert.equal(track.stopped, true);
  await box.expectNothing();
});

test('an accept whose answer got lost is judged by the snapshot', async () => {
  const { box, call, seen } = await rung();
  const accepting = call.accept();
  await box.expect('call.accept');
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), { state: { call: 'c7', state: 'answered', seq: 1, answer: 'answer 1' } });
  await accepting;
  assert.deepEqual(box.peer.answers, ['answer 1']);
  assert.deepEqual(seen, [['accept']]);
});

test('a device that does not receive calls leaves them to others', async () => {
  const box = new FakeBox();
  box.account = 'anna@example.com';
  const device = new Device('token', { url: 'https://box.example', logLevel: 'silent' });
  const seen = record(device, 'incoming');
  await box.answeredCall(device);
  await box.say({ type: 'call.incoming', call: 'c7', resume: 'r7', from: { number: '1' }, to: '2', expires_s: 30 });
  assert.deepEqual(seen, []);
  await box.expectNothing();
});

test('a page that listens to no incoming calls is busy', async () => {
  const box = new FakeBox();
  box.account = 'anna@example.com';
  const device = new Device('token', { url: 'https://box.example', logLevel: 'silent' });
  await device.register();
  await box.expect('hello');
  await box.say({ type: 'call.incoming', call: 'c7', resume: 'r7', from: { number: '1' }, to: '2', expires_s: 30 });
  assert.equal((await box.expect('call.reject')).reason, 'busy');
});
