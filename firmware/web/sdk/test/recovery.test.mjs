// The network changes under the media: doubt, ICE restarts, their answers, giving up; and figures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record } from '../fakes/box.mjs';

async function talking() {
  const box = new FakeBox();
  const device = new Device('token', { url: 'https://box.example', logLevel: 'silent' });
  const call = await box.answeredCall(device);
  const seen = record(call, 'reconnecting', 'reconnected', 'warning', 'warningCleared', 'error', 'disconnect');
  return { box, device, call, seen };
}

test('a short interruption is a warning and no restart', async () => {
  const { box, seen } = await talking();
  box.peer.become('disconnected');
  await box.clock.advance(1_500);
  box.peer.become('connected');
  await box.clock.advance(10_000);
  await box.expectNothing();
  assert.deepEqual(seen, [['warning', 'media_interrupted'], ['warningCleared', 'media_interrupted']]);
});

test('a longer one is an ICE restart on the same connection', async () => {
  const { box, seen } = await talking();
  box.peer.become('disconnected');
  await box.clock.advance(2_000);
  const restart = await box.expect('call.restart');
  assert.deepEqual([restart.call, restart.sdp], ['c1', 'offer 2 restart']);
  await box.ok(restart);
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
  box.peer.become('connected');
  assert.deepEqual(box.peer.answers, ['answer 1', 'answer 2']);
  assert.deepEqual(seen, [
    ['warning', 'media_interrupted'], ['reconnecting', 'media_lost'], ['warningCleared', 'media_interrupted'], ['reconnected'],
  ]);
});

test('a failed connection restarts at once, a refused restart is made anew', async () => {
  const { box, seen } = await talking();
  box.peer.become('failed');
  await box.refuse(await box.expect('call.restart'), 'rate_limited');
  assert.equal(box.peer.signalingState, 'stable', 'the refused offer is forgotten');
  await box.clock.advance(6_000);
  await box.ok(await box.expect('call.restart'));
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
  box.peer.become('connected');
  assert.deepEqual(seen, [['reconnecting', 'media_lost'], ['reconnected']]);
});

test('signalling and media gone together: reattach first, then restart; one reconnecting, one reconnected', async () => {
  const { box, seen } = await talking();
  box.peer.become('failed');
  await box.expect('call.restart');
  await box.cut();
  await box.clock.advance(3_000);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), { state: { call: 'c1', state: 'answered', seq: 3, answer: 'answer 1' } });
  assert.equal(box.peer.answers.length, 1, 'the old answer is not taken for the new one');
  await box.clock.advance(1_500);
  await box.ok(await box.expect('call.restart'));
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
  box.peer.become('connected');
  assert.deepEqual(seen, [['reconnecting', 'media_lost'], ['reconnected']]);
});

test('a box that speaks another codec is made an offer without an ICE restart, and a refusal changes nothing', async () => {
  const { box, seen } = await talking();
  await box.say({ type: 'call.renegotiate', call: 'c1' });
  const offer = await box.expect('call.restart');
  assert.deepEqual([offer.call, offer.sdp], ['c1', 'offer 2']);
  await box.ok(offer);
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 2' });
  assert.deepEqual(box.peer.answers, ['answer 1', 'answer 2']);
  await box.say({ type: 'call.renegotiate', call: 'c1' });
  await box.refuse(await box.expect('call.restart'), 'bad_sdp');
  assert.equal(box.peer.signalingState, 'stable', 'the refused offer is forgotten');
  assert.deepEqual(seen, []);
});

test('media that does not come back in 30 s ends the call as media_lost', async () => {
  const { box, call, seen } = await talking();
  box.peer.become('failed');
  await box.clock.advance(30_000);
  const restarts = box.heard.filter((m) => m.type === 'call.restart').length;
  assert.ok(restarts >= 3 && restarts <= 6, `${restarts} restarts`);
  await box.clock.advance(5_000);
  assert.equal(call.cause.code, 'media_lost');
  assert.deepEqual(seen.slice(-2), [['error', 'media_lost'], ['disconnect', 'media_lost']]);
});

test('media that never comes ends the call as media_failed', async () => {
  const box = new FakeBox();
  const device = new Device('token', { url: 'https://box.example', logLevel: 'silent' });
  const connecting = device.connect({ to: '100' });
  await box.expect('hello');
  await box.ok(await box.expect('call.place'), { call: 'c1', resume: 'r1' });
  const call = await connecting;
  await box.say({ type: 'call.answer', call: 'c1', sdp: 'answer 1' });
  await box.clock.advance(35_000);
  assert.equal(call.cause.code, 'media_failed');
});

test('figures go to the box every 5 s and bad ones warn until they are good again', async () => {
  const { box, call, seen } = await talking();
  const figures = (received, lost, rtt) => {
    box.peer.stats = new Map(
      [
        { id: 'c', type: 'codec', mimeType: 'audio/opus' },
        { id: 'o', type: 'outbound-rtp', kind: 'audio', codecId: 'c', packetsSent: 250, bytesSent: 9000, ssrc: 1 },
        { id: 'i', type: 'inbound-rtp', kind: 'audio', packetsReceived: received, packetsLost: lost, jitter: 0.004, ssrc: 2 },
        { id: 'p', type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: rtt },
      ].map((entry) => [entry.id, entry]),
    );
  };
  figures(250, 0, 0.02);
  await box.clock.advance(5_000);
  const { stats, call: id } = box.heard.findLast((m) => m.type === 'call.report');
  assert.equal(id, 'c1');
  assert.deepEqual(stats, { codec: 'opus', packets_sent: 250, packets_received: 250, packets_lost: 0, jitter_ms: 4, rtt_ms: 20 });
  figures(450, 50, 0.7);
  await box.clock.advance(5_000);
  figures(700, 50, 0.02);
  await box.clock.advance(5_000);
  assert.deepEqual(seen, [['warning', 'high_loss'], ['warning', 'high_rtt'], ['warningCleared', 'high_loss'], ['warningCleared', 'high_rtt']]);
  const now = await call.getStats();
  assert.deepEqual([now.inboundSsrc, now.outboundSsrc, now.packetsLost], [2, 1, 50]);
});

test('an unplugged microphone warns, another takes its place without a new offer', async () => {
  const { box, call, seen } = await talking();
  const old = call.localStream.getAudioTracks()[0];
  old.onended();
  call.mute();
  await call.setInput({ deviceId: 'other' });
  const [track, ...more] = call.localStream.getAudioTracks();
  assert.notEqual(track, old);
  assert.deepEqual(more, []);
  assert.deepEqual([track.enabled, old.readyState], [false, 'ended'], 'muted as before');
  assert.equal(box.peer.getTransceivers()[0].sender.track, track);
  assert.equal(box.peer.offers, 1);
  assert.deepEqual(seen, [['warning', 'mic_ended'], ['warningCleared', 'mic_ended']]);
});
