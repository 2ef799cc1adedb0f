// Hold, resume, mute and digits: what is asked, what is heard meanwhile, what a refusal leaves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';

const URL = 'https://box.example';

async function talking() {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const call = await box.answeredCall(device);
  const mic = call.localStream.getAudioTracks()[0];
  const far = call.remoteStream.getAudioTracks()[0];
  return { box, device, call, mic, far, seen: record(call, 'hold', 'unhold', 'mute', 'disconnect') };
}

test('hold silences both ways at once, resume gives back when the far side agreed', async () => {
  const { box, call, mic, far, seen } = await talking();
  const holding = call.hold();
  assert.deepEqual([mic.enabled, far.enabled, call.held], [false, false, false]);
  await box.ok(await box.expect('call.hold'));
  await holding;
  await box.state('c1', 4, 'held', { held_by: 'local' });
  assert.deepEqual([call.state, call.held, call.heldBy], ['held', true, 'local']);

  const resuming = call.resume();
  const request = await box.expect('call.resume');
  assert.equal(mic.enabled, false, 'not before the far side agreed');
  await box.state('c1', 5, 'answered');
  await box.ok(request);
  await resuming;
  assert.deepEqual([mic.enabled, far.enabled, call.held], [true, true, false]);
  assert.deepEqual(seen, [['hold', 'local'], ['unhold']]);
  assert.equal(box.peer.offers, 1, 'no new offer was made');
});

test('a refused hold leaves everything as it was and tells what SIP said', async () => {
  const { box, call, mic, far, seen } = await talking();
  const holding = call.hold();
  const sip = { status: 488, reason: 'Not Acceptable Here' };
  const refused = assert.rejects(holding, { name: 'CausewayError', code: 'refused', sip });
  await box.refuse(await box.expect('call.hold'), 'refused', { sip });
  await refused;
  assert.deepEqual([mic.enabled, far.enabled, call.held, call.state], [true, true, false, 'answered']);
  assert.deepEqual(seen, []);
});

test('a refused resume leaves the call held and silent', async () => {
  const { box, call, mic } = await talking();
  const holding = call.hold();
  await box.ok(await box.expect('call.hold'));
  await holding;
  const refused = rejectsWith(call.resume(), 'timed_out');
  await box.refuse(await box.expect('call.resume'), 'timed_out');
  await refused;
  assert.deepEqual([mic.enabled, call.held, call.heldBy], [false, true, 'local']);
});

test('the same wish twice is one request, the opposite waits its turn', async () => {
  const { box, call } = await talking();
  const first = call.hold();
  assert.equal(call.hold(), first);
  const resuming = call.resume();
  const hold = await box.expect('call.hold');
  await box.expectNothing();
  await box.ok(hold);
  await first;
  await box.ok(await box.expect('call.resume'));
  await resuming;
  assert.equal(call.held, false);
  await call.resume();
  await box.expectNothing();
});

test('a mute survives hold and resume', async () => {
  const { box, call, mic, seen } = await talking();
  call.mute();
  call.mute();
  const holding = call.hold();
  await box.ok(await box.expect('call.hold'));
  await holding;
  const resuming = call.resume();
  await box.ok(await box.expect('call.resume'));
  await resuming;
  assert.equal(mic.enabled, false);
  call.mute(false);
  assert.equal(mic.enabled, true);
  assert.deepEqual(seen, [['mute', true], ['hold', 'local'], ['unhold'], ['mute', false]]);
});

test("the far side's hold is heard as it comes: its music plays, and both may hold", async () => {
  const { box, call, mic, far, seen } = await talking();
  await box.state('c1', 4, 'held', { held_by: 'remote' });
  assert.deepEqual([call.heldBy, mic.enabled, far.enabled], ['remote', true, true]);
  const holding = call.hold();
  await box.ok(await box.expect('call.hold'));
  await holding;
  await box.state('c1', 5, 'held', { held_by: 'both' });
  assert.deepEqual([call.heldBy, far.enabled], ['both', false]);
  const resuming = call.resume();
  await box.ok(await box.expect('call.resume'));
  await resuming;
  assert.equal(call.heldBy, 'remote');
  await box.state('c1', 6, 'held', { held_by: 'remote' });
  await box.state('c1', 7, 'answered');
  assert.deepEqual(seen, [['hold', 'remote'], ['hold', 'both'], ['hold', 'remote'], ['unhold']]);
});

test('a hold under way when the call ends is rejected as call_ended', async () => {
  const { box, call } = await talking();
  const holding = rejectsWith(call.hold(), 'call_ended');
  await box.expect('call.hold');
  await box.state('c1', 4, 'ended', { cause: { code: 'hangup', message: '', by: 'remote' } });
  await box.clock.advance(60_000);
  await holding;
  await rejectsWith(call.hold(), 'wrong_state');
});

test('digits go one request after the other, in order and with their lengths', async () => {
  const { box, call } = await talking();
  const first = call.sendDigits('12#', { duration: 160, gap: 50 });
  const second = call.sendDigits('a');
  const request = await box.expect('call.dtmf');
  assert.deepEqual([request.digits, request.duration_ms, request.gap_ms], ['12#', 160, 50]);
  await box.expectNothing();
  await box.ok(request);
  await first;
  const next = await box.expect('call.dtmf');
  assert.deepEqual([next.digits, next.duration_ms, next.gap_ms], ['A', 100, 70]);
  await box.refuse(next, 'wrong_state');
  await rejectsWith(second, 'wrong_state');
});

test('what is no digit is refused here, and so is a seventeenth request waiting', async () => {
  const { box, call } = await talking();
  await rejectsWith(call.sendDigits('12x'), 'invalid_argument');
  await rejectsWith(call.sendDigits(''), 'invalid_argument');
  await rejectsWith(call.sendDigits('1'.repeat(65)), 'invalid_argument');
  await rejectsWith(call.sendDigits('1', { duration: 10 }), 'invalid_argument');
  const waiting = Array.from({ length: 16 }, () => call.sendDigits('1'));
  await rejectsWith(call.sendDigits('1'), 'queue_full');
  waiting.forEach((p) => p.catch(() => undefined));
  assert.equal((await box.expect('call.dtmf')).digits, '1');
});

test('digits, warnings and errors of the far side become events', async () => {
  const { box, device, call } = await talking();
  const seen = record(call, 'dtmf', 'warning', 'warningCleared', 'error');
  const errors = record(device, 'error');
  await box.say({ type: 'call.dtmf', call: 'c1', digit: '7', duration_ms: 120 });
  await box.say({ type: 'call.warning', call: 'c1', code: 'no_media', message: 'Nothing is heard.' });
  await box.say({ type: 'call.warning', call: 'c1', code: 'no_media', message: 'Nothing is heard.' });
  await box.say({ type: 'call.warning', call: 'c1', code: 'media_resumed', message: 'It is back.' });
  await box.say({ type: 'call.warning', call: 'c1', code: 'low_quality', message: 'It sounds bad.' });
  await box.say({ type: 'call.warning', call: 'c1', code: 'quality_restored', message: 'It sounds good.' });
  await box.say({ type: 'error', call: 'c1', code: 'internal', message: 'Oh.' });
  await box.say({ type: 'something.new', call: 'c1' });
  await box.say('not an object');
  assert.deepEqual(seen, [['dtmf', '7', 120], ['warning', 'no_media'], ['warningCleared', 'no_media'],
    ['warning', 'low_quality'], ['warningCleared', 'low_quality'], ['error', 'internal']]);
  assert.equal(errors.length, 1);
});
