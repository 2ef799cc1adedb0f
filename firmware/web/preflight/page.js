// The preflight page: every hop of a call tried, the failing one named, and a report to send to the support desk.

const MARKS = { ok: '✓', failed: '✗', skipped: '–' };
const SPOKEN = { ok: 'works', failed: 'fails', skipped: 'not tried' };
const NAMES = {
  microphone: 'Microphone', dns: 'Name', https: 'HTTPS', websocket: 'WebSocket', udp: 'UDP', tcp: 'TCP', turn: 'Relay (TURN)',
  dtls: 'Encryption', media: 'Sound',
};
/** What still works when one of several ways does not. */
const WAYS = ['udp', 'tcp', 'turn'];

const element = (id) => document.getElementById(id);
const button = element('try');

/** A token for tests; what is thrown is for people. */
async function fetchToken() {
  const answer = await fetch('/preflight/token', { method: 'POST' });
  if (answer.ok) return (await answer.json()).token;
  if (answer.status === 429) throw new Error('Too many tests from this network. Wait a minute, then try again.');
  const body = await answer.json().catch(() => ({}));
  throw new Error(body.error?.message ?? `The box answers ${answer.status}.`);
}

/** Where the box cannot be reached at all the test goes on without a token and names that. */
async function tokenOrNothing() {
  try {
    return await fetchToken();
  } catch (error) {
    if (error instanceof TypeError) return '';
    throw error;
  }
}

function verdictOf(report) {
  if (!report.ok) return `No call from here: ${NAMES[report.failing]}.`;
  const blocked = report.hops.filter((h) => WAYS.includes(h.hop) && h.result === 'failed');
  return blocked.length === 0 ? 'You can call from here.' : `You can call from here, without ${blocked.map((h) => NAMES[h.hop]).join(' and ')}.`;
}

function show({ hop, result, message, advice }) {
  const line = document.createElement('li');
  line.dataset.hop = hop;
  line.dataset.result = result;
  const add = (kind, text) => {
    const part = document.createElement('span');
    part.className = kind;
    part.textContent = text;
    line.append(part);
    return part;
  };
  add('mark', MARKS[result]).setAttribute('aria-label', SPOKEN[result]);
  add('name', NAMES[hop]);
  add('message', message);
  if (advice) add('advice', advice);
  element('hops').append(line);
}

function textOf(report, verdict) {
  const lines = report.hops.map(
    ({ hop, result, message, ms }) => `${NAMES[hop].padEnd(13)} ${SPOKEN[result].padEnd(9)} ${String(ms).padStart(5)} ms  ${message}`,
  );
  return [verdict, `${location.host}, ${new Date().toISOString()}`, navigator.userAgent, '', ...lines].join('\n');
}

async function run() {
  button.disabled = true;
  element('verdict').textContent = 'Trying… this takes up to half a minute.';
  element('hops').replaceChildren();
  element('support').hidden = true;
  try {
    const token = await tokenOrNothing();
    const { Device } = await import('/sdk/v1/causeway.js');
    const device = new Device(token || (() => Promise.reject(new Error('The box gave no token.'))), { logLevel: 'error' });
    const report = await device.preflight();
    device.destroy();
    const verdict = verdictOf(report);
    element('verdict').textContent = verdict;
    report.hops.forEach(show);
    element('report').textContent = textOf(report, verdict);
    element('support').hidden = false;
    window.causewayPreflight = report;
  } catch (error) {
    element('verdict').textContent = error.message;
  }
  button.disabled = false;
  button.textContent = 'Try again';
}

button.addEventListener('click', run);
element('copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(element('report').textContent);
    element('copy').textContent = 'Copied';
  } catch {
    // Not allowed here: selected, so that Ctrl-C does.
    getSelection().selectAllChildren(element('report'));
  }
});
