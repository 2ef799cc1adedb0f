// A box made of a script: it takes sockets, greets, answers pings, and leaves the rest to the test.

import assert from 'node:assert/strict';
import { Clock, settle } from './clock.mjs';
import { FakePeerConnection, installBrowser } from './browser.mjs';

const QUIET = new Set(['ping', 'call.candidate', 'call.report']);

class FakeSocket {
  readyState = 0;
  bufferedAmount = 0;
  onopen = null;
  onclose = null;
  onmessage = null;

  constructor(box, url, protocol) {
    Object.assign(this, { box, url, protocol });
    box.sockets.push(this);
    setImmediate(() => {
      if (this.readyState !== 0 || box.reachable === 'silent') return;
      if (!box.reachable) this.fail(1006);
      else {
        this.readyState = 1;
        this.onopen?.({});
      }
    });
  }
  send(text) {
    assert.equal(this.readyState, 1, 'sent on a socket that is not open');
    this.box.take(this, JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  /** The network or the box ends it. */
  fail(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

export class FakeBox {
  sockets = [];
  /** Everything the SDK sent, in order. */
  heard = [];
  tokens = [];
  /** false: connections are refused; 'silent': they never open. */
  reachable = true;
  answersPings = true;
  account = null;
  /** What `hello` is refused with, when it is. */
  refusal = undefined;
  servers = [];
  #unread = [];

  constructor() {
    this.clock = new Clock();
    this.clock.install();
    this.browser = installBrowser();
    const box = this;
    globalThis.WebSocket = class extends FakeSocket {
      constructor(url, protocol) {
        super(box, url, protocol);
      }
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }
  get peer() {
    return FakePeerConnection.made.at(-1);
  }

  take(socket, message) {
    this.heard.push(message);
    if (message.type === 'hello') {
      this.tokens.push(message.token);
      const reply = this.refusal
        ? { type: 'error', id: message.id, ...this.refusal }
        : {
            type: 'welcome', id: message.id, session: `s${this.sockets.length}`, box: { name: 'fake', version: '0' }, account: this.account,
            expires_at: '2026-11-22T12:00:00Z', resume_s: 30, ping_s: 15, ice: { servers: this.servers },
          };
      setImmediate(() => this.#deliver(socket, reply));
    } else if (message.type === 'ping') {
      if (this.answersPings) setImmediate(() => this.#deliver(socket, { type: 'ok', id: message.id }));
    }
    if (!QUIET.has(message.type)) this.#unread.push(message);
  }

  #deliver(socket, message) {
    if (socket.readyState === 1) socket.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The next message of the SDK, which has to be of this type. */
  async expect(type) {
    await settle();
    const message = this.#unread.shift();
    assert.equal(message?.type, type, `expected ${type}`);
    return message;
  }

  /** Nothing was said but pings, candidates and reports. */
  async expectNothing() {
    await settle();
    assert.deepEqual(this.#unread, []);
  }

  async say(message) {
    this.#deliver(this.socket, message);
    await settle();
  }
  ok(request, fields = {}) {
    return this.say({ type: 'ok', id: request.id, ...fields });
  }
  refuse(request, code, more = {}) {
    return this.say({ type: 'error', id: request.id, code, message: `no: ${code}`, ...more });
  }
  state(call, seq, state, more = {}) {
    return this.say({ type: 'call.state', call, seq, state, ...more });
  }

  /** The socket is gone. */
  async cut(code = 1006) {
    this.socket.fail(code);
    await settle();
  }

  /** Takes a call as far as `answered`, media connected. */
  async answeredCall(device, options = { to: '100' }) {
    const connecting = device.connect(options);
    if (this.sockets.length === 0 || this.socket.readyState === 3) await this.expect('hello');
    const place = await this.expect('call.place');
    await this.ok(place, { call: 'c1', resume: 'r1' });
    const call = await connecting;
    await this.say({ type: 'call.answer', call: 'c1', sdp: 'answer 1' });
    this.peer.become('connected');
    await this.state('c1', 1, 'trying');
    await this.state('c1', 2, 'ringing');
    await this.state('c1', 3, 'answered', { codec: 'opus' });
    return call;
  }
}

/** Writes down the events of a device or call. */
export function record(emitter, ...events) {
  const seen = [];
  for (const event of events) emitter.on(event, (...args) => seen.push([event, ...args.map(short)]));
  return seen;
}

function short(value) {
  return value && typeof value === 'object' && 'code' in value ? value.code : value;
}

/** Every promise rejection is a `CausewayError` with this code. */
export function rejectsWith(promise, code) {
  return assert.rejects(promise, (error) => {
    assert.equal(error.name, 'CausewayError');
    assert.equal(error.code, code);
    return true;
  });
}
