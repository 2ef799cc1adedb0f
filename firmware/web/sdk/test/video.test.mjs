// A picture that begins and ends in mid-call: who is asked, what is offered, and that the sound stays as it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';

const URL = 'https://box.example';

async function talking(options) {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const call = await box.answeredCall(device, options);
  return { box, device, call, seen: record(call, 'video', 'hold') };
}

/** Takes the offer that brings or ends a picture. */
async function takesOffer(box, answer = 'answer') {
  const restart = await box.expect('call.restart');
  await box.ok(restart);
  await box.say({ type: 'call.answer', call: 'c1', sdp: answer });
}

const kinds = (stream) => stream.getTracks().map((t) => t.kind);
const told = (box, video) => box.say({ type: 'call.video', call: 'c1', video });

test('a picture the box tells of before its answer is told to the page when its track is there', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: URL });
  const connecting = device.connect({ to: '100', video: true });
  await box.expect('hello');
  await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
  const call = await connecting;
  const seen = [];
  call.on('video', (video) => seen.push([video, kinds(call.remoteStream)]));
  await told(box, true);
  assert.deepEqual([seen, call.video], [[], false]);
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 1' });
  assert.deepEqual([seen, call.video], [[[true, ['audio', 'video']]], true]);
});

test('the page shows its camera once the far side agreed, and takes it away', async () => {
  const { box, call, seen } = await talking();
  const showing = call.setVideo(true);
  const request = await box.expect('call.video');
  assert.deepEqual([request.video, call.video, kinds(call.localStream)], [true, false, ['audio']]);
  await box.ok(request);
  await told(box, true);
  await takesOffer(box);
  await showing;
  const camera = call.localStream.getVideoTracks()[0];
  assert.deepEqual([call.video, kinds(call.remoteStream), camera.enabled], [true, ['audio', 'video'], true]);

  const ending = call.setVideo(false);
  assert.equal(camera.readyState, 'ended', 'off at once');
  await takesOffer(box, 'no picture');
  await box.ok(await box.expect('call.video'));
  await ending;
  await told(box, false);
  assert.deepEqual([call.video, kinds(call.remoteStream), kinds(call.localStream)], [false, ['audio'], ['audio']]);
  assert.deepEqual(seen, [['video', true], ['video', false]]);
  assert.equal(call.localStream.getAudioTracks()[0].enabled, true);
  await box.expectNothing();
});

test('a far side without pictures leaves the call as it was', async () => {
  const { box, call, seen } = await talking();
  const sip = { status: 488, reason: 'Not Acceptable Here' };
  const refused = assert.rejects(call.setVideo(true), { name: 'CausewayError', code: 'refused', sip });
  await box.refuse(await box.expect('call.video'), 'refused', { sip });
  await refused;
  assert.equal(box.browser.streams.at(-1).getVideoTracks()[0].readyState, 'ended');
  assert.deepEqual([call.video, kinds(call.localStream), call.state, box.peer.offers], [false, ['audio'], 'answered', 1]);
  assert.deepEqual(seen, []);
  await box.expectNothing();
});

test('without a camera nobody is asked', async () => {
  const { box, call } = await talking();
  box.browser.microphone = 'NotAllowedError';
  await rejectsWith(call.setVideo(true), 'camera_denied');
  await box.expectNothing();
});

test('the far side shows something: it is seen here, and the camera stays off until the page wants it', async () => {
  const { box, call, seen } = await talking();
  await told(box, true);
  await takesOffer(box);
  assert.deepEqual([call.video, kinds(call.remoteStream), kinds(call.localStream)], [true, ['audio', 'video'], ['audio']]);
  assert.equal(box.peer.getTransceivers().at(-1).direction, 'recvonly');
  assert.equal(box.browser.asked.length, 1, 'nothing but the microphone');

  const showing = call.setVideo(true);
  await box.ok(await box.expect('call.video'));
  await takesOffer(box);
  await showing;
  assert.equal(box.peer.getTransceivers().length, 2);
  assert.equal(box.peer.getTransceivers().at(-1).direction, 'sendrecv');

  const camera = call.localStream.getVideoTracks()[0];
  await told(box, false);
  assert.equal(camera.readyState, 'ended');
  await takesOffer(box, 'no picture');
  assert.deepEqual([call.video, kinds(call.remoteStream)], [false, ['audio']]);
  assert.deepEqual(seen, [['video', true], ['video', false]]);
});

test('a camera that was on from the beginning goes off where the far side has no picture', async () => {
  const { box, call, seen } = await talking({ to: '100', video: true });
  const camera = call.localStream.getVideoTracks()[0];
  await told(box, false);
  assert.equal(camera.readyState, 'ended');
  await takesOffer(box, 'no picture');
  assert.deepEqual([call.video, call.state], [false, 'answered']);
  assert.deepEqual(seen, [], 'there was none');
});

test('a hold waits for a picture under way, and is silent at once', async () => {
  const { box, call, seen } = await talking();
  const showing = call.setVideo(true);
  const request = await box.expect('call.video');
  const holding = call.hold();
  assert.equal(call.localStream.getAudioTracks()[0].enabled, false);
  await box.expectNothing();
  await box.ok(request);
  // Both are under way now: the hold by the far side, the picture by an offer to the box.
  const hold = await box.expect('call.hold');
  await takesOffer(box);
  await box.ok(hold);
  await Promise.all([showing, holding]);
  assert.equal(call.localStream.getVideoTracks()[0].enabled, false, 'a held call shows nothing');
  assert.deepEqual(seen.map(([event]) => event).sort(), ['hold', 'video']);
});

test('what became of the picture while the connection was gone is told when it is back', async () => {
  const { box, call, seen } = await talking();
  await told(box, true);
  await takesOffer(box);
  await box.cut();
  await box.clock.advance(300);
  await box.expect('hello');
  const reattach = await box.expect('call.reattach');
  await box.ok(reattach, { state: { call: 'c1', state: 'answered', seq: 3, answer: 'answer', video: false } });
  await takesOffer(box, 'no picture');
  assert.deepEqual([call.video, seen.at(-1)], [false, ['video', false]]);
});
