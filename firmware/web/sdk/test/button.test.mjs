// The button's element against a scripted box: what it says in each state, what it sends, what it leaves.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { FakeBox } from '../fakes/box.mjs';
import { settle } from '../fakes/clock.mjs';
import { installPage } from '../fakes/page.mjs';

const LIMIT = 30 * 1024;
const file = (name) => readFileSync(new URL(`../dist/${name}`, import.meta.url));

const page = await installPage();

/** A button of a page whose server gives tokens, in a browser of this language. */
function scene(attributes = {}, content = '') {
  const fresh = new FakeBox();
  fresh.browser.microphone = 'works';
  navigator.onLine = true;
  const element = page.button({ to: '600', ...attributes }, content);
  element.token = 'token';
  const said = [];
  element.addEventListener('causeway-state', ({ detail }) => said.push(detail.reason ? `${detail.state} ${detail.reason}` : detail.state));
  const part = (name) => element.shadowRoot.part(name);
  return { box: fresh, element, said, part, text: (name) => part(name).textContent };
}

/** The click, and the box takes the call. */
async function placed({ box, part }) {
  part('call-button').click();
  await box.expect('hello');
  const place = await box.expect('call.place');
  await box.ok(place, { call: 'c1', resume: 'r1' });
  return place;
}

async function gone({ box, element }) {
  const hanging = element.hangUp();
  await settle();
  await box.clock.advance(5_000);
  await hanging;
  element.remove();
  await box.clock.advance(60_000);
  assert.equal(box.clock.armed, 0, 'no timer outlives the element');
}

test('the script with the SDK in it is smaller than 30 KiB, packed', () => {
  const size = gzipSync(file('button.js'), { level: 9 }).length;
  console.log(`button.js: ${size} octets of ${LIMIT} by gzip`);
  assert.ok(size < LIMIT, `${size} octets`);
  assert.ok(file('button.js.gz').length < LIMIT);
  assert.deepEqual(gunzipSync(file('button.js.gz')), file('button.js'));
});

test('it has no inline style, no HTML text, and nothing of eval', () => {
  const script = file('button.js').toString();
  for (const word of ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(', 'new Function', '"style"']) {
    // "style" as a tag is left for browsers that cannot construct sheets, by createElement.
    const times = script.split(word).length - 1;
    assert.ok(times <= (word === '"style"' ? 1 : 0), `${word}: ${times}`);
  }
});

test('a call is said in words, from the click to the end', async () => {
  const here = scene();
  assert.deepEqual([here.element.state, here.text('label'), here.text('state')], ['idle', 'Call', '']);
  const place = await placed(here);
  assert.deepEqual([place.to, place.video], ['600', false]);
  assert.deepEqual([here.text('label'), here.text('state')], ['Cancel', 'Connecting']);
  await here.box.state('c1', 1, 'trying');
  await here.box.state('c1', 2, 'ringing');
  assert.equal(here.text('state'), 'Ringing');
  await here.box.state('c1', 3, 'answered', { codec: 'opus' });
  assert.deepEqual([here.text('label'), here.text('state'), here.text('time')], ['Hang up', 'Connected', '0:00']);
  await here.box.clock.advance(61_000);
  assert.equal(here.text('time'), '1:01');
  await here.box.state('c1', 4, 'held', { held_by: 'remote' });
  assert.equal(here.text('state'), 'On hold');
  await here.box.state('c1', 5, 'answered');
  await here.box.state('c1', 6, 'ended', { cause: { code: 'hangup', message: '', by: 'remote' } });
  assert.deepEqual([here.text('label'), here.text('state')], ['Call', 'Call ended']);
  assert.deepEqual(here.said, ['connecting', 'ringing', 'talking', 'held', 'talking', 'ended hangup']);
  assert.equal(here.element.currentCall, undefined);
  await here.box.clock.advance(1);
  assert.equal(here.box.socket.readyState, 3, 'no connection is kept without a call');
  await gone(here);
});

test('who is asked for the microphone is told so; who has allowed it before is not', async () => {
  const here = scene();
  let allow;
  const open = navigator.mediaDevices.getUserMedia;
  navigator.mediaDevices.getUserMedia = (constraints) => new Promise((resolve) => (allow = () => resolve(open(constraints))));
  here.part('call-button').click();
  await here.box.clock.advance(200);
  assert.equal(here.element.state, 'connecting');
  await here.box.clock.advance(100);
  assert.deepEqual([here.element.state, here.text('state')], ['microphone', 'Please allow the microphone']);
  allow();
  await settle();
  assert.equal(here.element.state, 'connecting');
  await here.box.expect('hello');
  await here.box.ok(await here.box.expect('call.place'), { call: 'c1', resume: 'r1' });
  await gone(here);
});

test('given up before the microphone is allowed: nobody is called', async () => {
  const here = scene();
  let allow;
  const open = navigator.mediaDevices.getUserMedia;
  navigator.mediaDevices.getUserMedia = (constraints) => new Promise((resolve) => (allow = () => resolve(open(constraints))));
  here.part('call-button').click();
  await here.box.clock.advance(1_000);
  here.part('call-button').click();
  await settle();
  assert.deepEqual(here.said, ['connecting', 'microphone', 'ended cancelled']);
  allow();
  await settle();
  await here.box.expect('hello');
  await here.box.expectNothing();
  assert.equal(here.box.browser.streams[0].getTracks()[0].readyState, 'ended', 'the microphone is closed again');
  await gone(here);
});

test('given up while the box is being asked: it rings no longer than it must', async () => {
  const here = scene();
  here.part('call-button').click();
  await here.box.expect('hello');
  const place = await here.box.expect('call.place');
  await here.box.clock.advance(1_000);
  here.part('call-button').click();
  await settle();
  assert.deepEqual(here.said.at(-1), 'ended cancelled');
  await here.box.ok(place, { call: 'c1', resume: 'r1' });
  assert.equal((await here.box.expect('call.hangup')).call, 'c1');
  await gone(here);
});

test('a double click calls once and does not hang up', async () => {
  const here = scene();
  here.part('call-button').click();
  here.part('call-button').click();
  await settle();
  assert.deepEqual(here.said, ['connecting']);
  await gone(here);
});

test('every error says what to do; the rest says to try later', async () => {
  for (const [microphone, reason, advice] of [
    ['NotAllowedError', 'mic_denied', /Allow it/],
    ['NotFoundError', 'mic_missing', /Plug one in/],
    ['NotReadableError', 'mic_busy', /Another program/],
  ]) {
    const here = scene({}, 'Call us: 030 1234');
    here.box.browser.microphone = microphone;
    here.part('call-button').click();
    await settle();
    assert.deepEqual(here.said.at(-1), `error ${reason}`);
    assert.match(here.text('message'), advice);
    await gone(here);
  }
  for (const [code, advice] of [['rate_limited', /Too many/], ['destination_forbidden', /not available/], ['origin_forbidden', /not available/]]) {
    const here = scene();
    here.part('call-button').click();
    await here.box.expect('hello');
    await here.box.refuse(await here.box.expect('call.place'), code);
    assert.deepEqual(here.said.at(-1), `error ${code}`);
    assert.match(here.text('message'), advice);
    await gone(here);
  }
});

test('the words of every language are all there, and are other words', async () => {
  const spoken = {};
  for (const lang of ['en', 'de', 'fr', 'es', 'pt']) {
    const here = scene({ lang });
    await placed(here);
    await here.box.state('c1', 3, 'answered');
    spoken[lang] = ['label', 'state', 'mute-button', 'keypad-button', 'devices-button'].map(here.text);
    assert.ok(spoken[lang].every(Boolean), lang);
    await gone(here);
  }
  for (const lang of ['de', 'fr', 'es']) {
    assert.ok(spoken[lang].every((word, at) => word !== spoken.en[at]), `${lang}: ${spoken[lang]}`);
  }
  assert.deepEqual(spoken.pt, spoken.en, 'a language it has not is English');
});

test('troubles are hinted at while they last', async () => {
  const here = scene();
  await placed(here);
  await here.box.state('c1', 3, 'answered');
  await here.box.say({ type: 'call.warning', call: 'c1', code: 'low_quality', message: 'x' });
  assert.equal(here.text('hint'), 'The connection is poor');
  await here.box.say({ type: 'call.warning', call: 'c1', code: 'no_media', message: 'x' });
  assert.equal(here.text('hint'), 'The connection is poor. You are not heard: check your microphone');
  await here.box.say({ type: 'call.warning', call: 'c1', code: 'quality_restored', message: 'x' });
  await here.box.say({ type: 'call.warning', call: 'c1', code: 'media_resumed', message: 'x' });
  assert.equal(here.text('hint'), '');
  await gone(here);
});

test('a dropped connection is said, with what the browser knows of it', async () => {
  const here = scene();
  await placed(here);
  await here.box.state('c1', 3, 'answered');
  navigator.onLine = false;
  here.box.reachable = false;
  await here.box.cut();
  assert.deepEqual([here.element.state, here.text('state')], ['reconnecting', 'You are offline. Reconnecting']);
  await here.box.clock.advance(40_000);
  assert.deepEqual(here.said.at(-1), 'ended session_lost');
  assert.equal(here.text('state'), 'The connection was lost');
  navigator.onLine = true;
  await gone(here);
});

test('the context is what the owner allowed, its own keys first, never too large', async () => {
  const sent = async (attributes, property) => {
    const here = scene(attributes);
    here.element.context = property;
    const place = await placed(here);
    const { client } = here.box.heard.find((message) => message.type === 'hello');
    assert.equal('page' in client, (attributes.context ?? 'page') === 'page', 'the address is told with the owner’s leave only');
    await gone(here);
    return place.context;
  };
  assert.deepEqual(await sent({ 'data-context-order': 'K-1' }), {
    order: 'K-1',
    language: 'en',
    page: { url: 'https://shop.example/kettle', title: 'Kettles', referrer: 'https://search.example/' },
  });
  assert.equal(await sent({ context: '' }), undefined);
  assert.deepEqual(await sent({ context: 'title, language' }), { language: 'en', page: { title: 'Kettles' } });
  assert.deepEqual(await sent({ context: 'language', 'data-context-a': '1' }, { a: 2, language: 'x' }), { a: 2, language: 'x' });
  const loop = {};
  loop.loop = loop;
  const warn = console.warn;
  const told = [];
  console.warn = (line) => told.push(line);
  assert.deepEqual(await sent({ context: '', 'data-context-a': '1', 'data-context-b': 'é'.repeat(5000) }, { loop }), { a: '1' });
  console.warn = warn;
  assert.match(told[0], /left out: loop, b/);
});

test('a page that set nothing up is told in its console, its visitor kindly', async () => {
  const here = scene();
  here.element.token = undefined;
  const error = console.error;
  const told = [];
  console.error = (line) => told.push(line);
  await here.element.call();
  console.error = error;
  assert.deepEqual(here.said, ['error not_set_up']);
  assert.match(told[0], /token-url/);
  await gone(here);
});

test('the page’s own server is asked by POST, and may answer as the box did or with the token alone', async () => {
  const asked = [];
  for (const body of ['{"token": "from the box", "expires_in_s": 300}', 'alone\n']) {
    const here = scene({ 'token-url': '/call-token', app: 'shop' });
    here.element.token = undefined;
    globalThis.fetch = async (url, { method, body: sent }) => {
      asked.push([url, method, sent]);
      return { ok: true, text: async () => body };
    };
    await placed(here);
    await gone(here);
    assert.deepEqual(here.box.tokens, [body.startsWith('{') ? 'from the box' : 'alone']);
  }
  assert.deepEqual(asked[0], ['/call-token', 'POST', '{"app":"shop"}']);
  const here = scene({ 'token-url': '/call-token' });
  here.element.token = undefined;
  globalThis.fetch = async () => ({ ok: false, status: 429 });
  here.part('call-button').click();
  await here.box.clock.advance(12_000); // it is worth another try
  assert.deepEqual(here.said.at(-1), 'error rate_limited');
  await gone(here);
});

test('the box is where the script came from, unless the page says otherwise', async () => {
  const here = scene();
  await placed(here);
  assert.equal(here.box.socket.url, 'wss://box.example:8443/api/v1/ws');
  await gone(here);
  const there = scene({ box: 'https://other.example' });
  await placed(there);
  assert.equal(there.box.socket.url, 'wss://other.example/api/v1/ws');
  await gone(there);
});

test('taken out of the page in mid-call it hangs up; moved it does not', async () => {
  const here = scene();
  await placed(here);
  await here.box.state('c1', 3, 'answered');
  page.body.append(here.element);
  await settle();
  assert.equal(here.element.state, 'talking');
  here.element.remove();
  await here.box.expect('call.hangup');
  assert.equal(here.element.state, 'idle');
  await here.box.clock.advance(60_000);
  assert.equal(here.box.clock.armed, 0);
});
