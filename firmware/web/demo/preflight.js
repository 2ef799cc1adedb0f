// The preflight page: every hop of a call, tried and named.

import { Device } from '/sdk/v1/causeway.js';
import { explain, fetchToken } from './demo.js';

const MARKS = { ok: '✓', failed: '✗', skipped: '–' };
const NAMES = {
  microphone: 'Microphone', dns: 'Name of the box', https: 'HTTPS', websocket: 'WebSocket', udp: 'UDP', tcp: 'Relay over TCP', tls: 'Relay over TLS',
  dtls: 'Encryption', media: 'Sound',
};

const button = document.getElementById('try');
const verdict = document.getElementById('verdict');
const list = document.getElementById('hops');
const device = new Device(() => fetchToken());

button.addEventListener('click', async () => {
  button.disabled = true;
  verdict.textContent = 'Trying…';
  list.replaceChildren();
  try {
    const report = (window.causewayPreflight = await device.preflight());
    verdict.textContent = report.ok ? 'You can call from here.' : `No call from here: ${NAMES[report.failing]}.`;
    for (const { hop, result, message, advice } of report.hops) {
      const line = document.createElement('li');
      line.dataset.result = result;
      line.textContent = `${MARKS[result]} ${NAMES[hop]}: ${message}${advice ? ` ${advice}` : ''}`;
      list.append(line);
    }
  } catch (error) {
    verdict.textContent = explain(error);
  }
  button.disabled = false;
});
