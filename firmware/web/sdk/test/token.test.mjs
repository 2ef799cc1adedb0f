// Tokens: refused, expired, renewed, and an account that registers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../dist/causeway.js';
import { FakeBox, record, rejectsWith } from '../fakes/box.mjs';

const URL = 'https://box.example';
const QUIET = { url: URL, logLevel: 'silent' };

test('a refused token rejects at once when nobody can mint another', async () => {
  const box = new FakeBox();
  box.refusal = { code: 'token_expired', message: 'Too old.' };
  await rejectsWith(new Device('old', QUIET).connect({ to: '100' }), 'token_expired');
  assert.equal(box.sockets.length, 1);
});

test('a refused origin is not tried twice', async () => {
  const box = new FakeBox();
  box.refusal = { code: 'origin_forbidden', message: 'Not from there.' };
  await rejectsWith(new Device(() => 'token', QUIET).register(), 'origin_forbidden');
  assert.equal(box.sockets.length, 1);
});

test('a provider is asked again when its token was too old, but not for ever', async () => {
  const box = new FakeBox();
  box.refusal = { code: 'token_expired', message: 'Too old.' };
  let minted = 0;
  const failed = rejectsWith(new Device(() => `t${(minted += 1)}`, QUIET).connect({ to: '100' }), 'token_expired');
  await box.clock.advance(9_000);
  await failed;
  assert.deepEqual(box.tokens, ['t1', 't2', 't3']);
});

for (const [what, provider] of [
  ['throws', () => { throw new Error('no network'); }],
  ['rejects', async () => { throw new Error('500'); }],
  ['returns nothing', async () => undefined],
  ['never answers', () => new Promise(() => undefined)],
]) {
  test(`a provider that ${what} is token_failed`, async () => {
    const box = new FakeBox();
    const failed = rejectsWith(new Device(provider, QUIET).connect({ to: '100' }), 'token_failed');
    await box.clock.advance(15_100);
    await failed;
    assert.equal(box.sockets.length, 0);
  });
}

test('a token about to end is renewed in place', async () => {
  const box = new FakeBox();
  let minted = 0;
  const device = new Device(async () => `t${(minted += 1)}`, QUIET);
  await box.answeredCall(device);
  const seen = record(device, 'tokenWillExpire', 'error');
  await box.say({ type: 'token.expiring', expires_in_s: 30 });
  const refresh = await box.expect('token.refresh');
  assert.equal(refresh.token, 't2');
  await box.refuse(refresh, 'rate_limited');
  await box.clock.advance(5_000);
  const again = await box.expect('token.refresh');
  assert.equal(again.token, 't3');
  await box.ok(again);
  await box.clock.advance(60_000);
  assert.deepEqual(seen, [['tokenWillExpire', 30]]);
});

test('with a new token come new credentials of the relay, for new calls and for restarts of old ones', async () => {
  const box = new FakeBox();
  const servers = (username) => [{ urls: ['turns:box.example:443?transport=tcp'], username, credential: 'x' }];
  box.servers = servers('first');
  const device = new Device(async () => 't', QUIET);
  await box.answeredCall(device);
  assert.deepEqual(box.peer.configuration.iceServers, servers('first'));
  await box.say({ type: 'token.expiring', expires_in_s: 30 });
  await box.ok(await box.expect('token.refresh'), { ice: { servers: servers('second') } });
  box.peer.become('failed');
  await box.expect('call.restart');
  assert.deepEqual(box.peer.configuration.iceServers, servers('second'));
  assert.equal(box.peer.configuration.bundlePolicy, 'max-bundle', 'nothing else changes');
});

test('a plain token is for the page to renew', async () => {
  const box = new FakeBox();
  const device = new Device('first', QUIET);
  await box.answeredCall(device);
  const seen = record(device, 'tokenWillExpire');
  await box.say({ type: 'token.expiring', expires_in_s: 30 });
  await box.expectNothing();
  assert.deepEqual(seen, [['tokenWillExpire', 30]]);
  const updating = device.updateToken('second');
  const refresh = await box.expect('token.refresh');
  assert.equal(refresh.token, 'second');
  await box.ok(refresh);
  await updating;
  await box.cut();
  await box.clock.advance(250);
  assert.deepEqual(box.tokens, ['first', 'second']);
});

test('an account registers, stays registered across a drop, and unregisters', async () => {
  const box = new FakeBox();
  box.account = 'anna@example.com';
  const device = new Device('token', QUIET);
  const seen = record(device, 'registered', 'unregistered');
  await device.register();
  assert.equal(device.account, 'anna@example.com');
  await box.cut();
  await box.clock.advance(250);
  await device.unregister();
  assert.deepEqual(seen, [['registered', 'anna@example.com'], ['unregistered'], ['registered', 'anna@example.com'], ['unregistered']]);
  assert.equal(box.socket.readyState, 3, 'nothing needs the connection any more');
});

test('a token without an account cannot register', async () => {
  new FakeBox();
  await rejectsWith(new Device('token', QUIET).register(), 'account_forbidden');
});

test('a registered device that loses its right says so and stops', async () => {
  const box = new FakeBox();
  box.account = 'anna@example.com';
  const device = new Device('token', QUIET);
  await device.register();
  const seen = record(device, 'error', 'unregistered');
  box.refusal = { code: 'auth_failed', message: 'Unknown app.' };
  await box.cut(4401);
  await box.clock.advance(60_000);
  assert.deepEqual(seen, [['unregistered'], ['error', 'auth_failed']]);
  assert.equal(box.sockets.length, 2);
});

test('no token is in a URL or in what the SDK logs', async () => {
  const box = new FakeBox();
  const words = [];
  const kept = {};
  for (const level of ['error', 'warn', 'info', 'debug']) {
    kept[level] = console[level];
    console[level] = (...args) => words.push(args.map((a) => (a instanceof Error ? a.stack : String(a))).join(' '));
  }
  try {
    const device = new Device('s3cret-token', { url: URL, logLevel: 'debug' });
    await box.answeredCall(device);
    await box.cut();
    await box.clock.advance(500);
    await device.destroy();
  } finally {
    Object.assign(console, kept);
  }
  assert.ok(words.length > 3);
  for (const text of [...words, ...box.sockets.map((s) => s.url)]) assert.doesNotMatch(text, /s3cret-token|\br1\b|offer 1/);
});
