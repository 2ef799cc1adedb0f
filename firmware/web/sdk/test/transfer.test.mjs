// The far side is handed on: what is asked, what is told meanwhile, what a refusal leaves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';

const CAUSE = { code: 'transferred', message: 'The call was handed on.', by: 'local' };

async function talking() {
  const box = new FakeBox();
  const device = new Device('token', { url: 'https://box.example' });
  const call = await box.answeredCall(device);
  return { box, device, call, seen: record(call, 'transferProgress', 'disconnect', 'error') };
}

test('a blind transfer resolves when the new party has the call, which then ends', async () => {
  const { box, call, seen } = await talking();
  const transferring = call.transfer(' 600 ');
  const request = await box.expect('call.transfer');
  assert.deepEqual([request.call, request.to, request.with], ['c1', '600', undefined]);
  await box.say({ type: 'call.transfer', call: 'c1', status: 180 });
  assert.equal(call.state, 'answered');
  await box.ok(request);
  await transferring;
  await box.state('c1', 4, 'ended', { cause: CAUSE });
  assert.deepEqual(seen, [['transferProgress', 180], ['disconnect', 'transferred']]);
});

test('a refused transfer leaves the call as it was and tells what SIP said', async () => {
  const { box, call, seen } = await talking();
  const sip = { status: 486, reason: 'Busy Here' };
  const refused = assert.rejects(call.transfer('701'), { name: 'CausewayError', code: 'refused', sip });
  await box.refuse(await box.expect('call.transfer'), 'refused', { sip });
  await refused;
  assert.equal(call.state, 'answered');
  assert.deepEqual(seen, []);
});

test('two calls are joined, and both end', async () => {
  const { box, device, call } = await talking();
  const connecting = device.connect({ to: '200' });
  await box.ok(await box.expect('call.place'), { call: 'c2', resume: 'r2' });
  const other = await connecting;
  await box.state('c2', 1, 'answered');
  const joining = call.transfer(other);
  const request = await box.expect('call.transfer');
  assert.deepEqual([request.call, request.to, request.with], ['c1', undefined, 'c2']);
  await box.ok(request);
  await joining;
  await box.state('c1', 4, 'ended', { cause: CAUSE });
  await box.state('c2', 2, 'ended', { cause: CAUSE });
  assert.deepEqual(device.calls, []);
});

test('what cannot be a target is refused here', async () => {
  const { box, call } = await talking();
  for (const target of ['', '  ', 'x'.repeat(256), call, undefined, {}]) await rejectsWith(call.transfer(target), 'invalid_argument');
  await box.expectNothing();
  await box.state('c1', 4, 'ended', { cause: CAUSE });
  await rejectsWith(call.transfer('600'), 'wrong_state');
});

test('a transfer whose answer got lost is judged by the snapshot', async () => {
  const { box, call } = await talking();
  const transferring = call.transfer('600');
  await box.expect('call.transfer');
  await box.cut();
  await box.clock.advance(250);
  await box.expect('hello');
  await box.ok(await box.expect('call.reattach'), { state: { call: 'c1', state: 'ended', seq: 4, cause: CAUSE } });
  await transferring;
  assert.equal(call.cause.code, 'transferred');
});

test('a call that is hung up during a transfer says so', async () => {
  const { box, call } = await talking();
  const failed = rejectsWith(call.transfer('600'), 'call_ended');
  const request = await box.expect('call.transfer');
  await box.state('c1', 4, 'ended', { cause: { code: 'hangup', message: '', by: 'remote' } });
  await box.refuse(request, 'wrong_state');
  await failed;
});
