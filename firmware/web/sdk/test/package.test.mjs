// The package itself, and the emitter every part stands on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as sdk from '../dist/causeway.js';

const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

test('the version of the package is the version of the code', () => {
  assert.equal(sdk.SDK_VERSION, JSON.parse(read('package.json')).version);
});

test('the package names no registry and depends on nothing at run time', () => {
  const { dependencies } = JSON.parse(read('package.json'));
  assert.equal(dependencies, undefined);
  assert.doesNotMatch(read('package-lock.json'), /https?:/);
});

test('the declarations stand alone and hide what is internal', () => {
  const types = read('dist/causeway.d.ts');
  assert.doesNotMatch(types, /from ['"]|reattach\(|interface CallOwner/);
  for (const name of Object.keys(sdk)) assert.match(types, new RegExp(`export \\{[^}]*\\b${name}\\b`));
});

test('listeners may come, go and throw while an event is told', () => {
  class Bell extends sdk.Emitter {
    ring(...args) {
      this.emit('ring', ...args);
    }
  }
  const bell = new Bell();
  const heard = [];
  const told = [];
  const kept = globalThis.reportError;
  globalThis.reportError = (error) => told.push(error.message);
  try {
    const second = (n) => heard.push(`second ${n}`);
    bell.on('ring', (n) => {
      heard.push(`first ${n}`);
      bell.off('ring', second);
    });
    bell.on('ring', () => {
      throw new Error('a listener of the page');
    });
    bell.on('ring', second);
    bell.once('ring', (n) => heard.push(`once ${n}`));
    bell.ring(1);
    bell.ring(2);
  } finally {
    globalThis.reportError = kept;
  }
  assert.deepEqual(heard, ['first 1', 'second 1', 'once 1', 'first 2']);
  assert.deepEqual(told, ['a listener of the page', 'a listener of the page']);
  bell.off('ring');
  assert.equal(bell.listenerCount('ring'), 0);
  assert.throws(() => bell.on('ring', 'not a function'), TypeError);
});

test('loudness is the root mean square of what the analyser hears', () => {
  globalThis.document = { addEventListener() {} };
  const node = { connect() {}, disconnect() {} };
  const context = {
    state: 'running',
    createMediaStreamSource: () => node,
    createAnalyser: () => ({
      ...node,
      getFloatTimeDomainData: (samples) => samples.forEach((_, i) => (samples[i] = i % 2 ? 0.5 : -0.5)),
    }),
  };
  const meter = new sdk.LevelMeter({}, context);
  assert.equal(meter.level, 0.5);
  assert.ok(Math.abs(meter.decibels + 6.02) < 0.01);
  meter.close();
  delete globalThis.document;
});
