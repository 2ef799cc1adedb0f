/**
 * Tries every hop between the user's mouth and the box before a call needs them, and names the one that fails.
 *
 * Each hop is tried on its own, so that one blocked way does not hide another: UDP alone, TCP alone, the relay alone. Handshake
 * and sound take the best way there is. A browser tells a page nothing of names: where HTTPS fails, `dns`
 * stays open.
 */

import { CausewayError } from './errors';
import { capture, stopTracks } from './media';
import type { AudioSource } from './media';

/** In the order in which a call needs them. */
export type Hop = 'microphone' | 'dns' | 'https' | 'websocket' | 'udp' | 'tcp' | 'turn' | 'dtls' | 'media';

export interface PreflightHop {
  hop: Hop;
  /** `skipped`: a hop before it failed, or there is nothing to try. */
  result: 'ok' | 'failed' | 'skipped';
  /** What was found, in one sentence. */
  message: string;
  /** What to do about it, when it failed. */
  advice?: string;
  ms: number;
}

export interface PreflightReport {
  /** Calls can be made and heard. */
  ok: boolean;
  /** The first hop without which no call can be; nothing when calls can be made. */
  failing?: Hop;
  hops: PreflightHop[];
}

/** @internal */
export interface PreflightOwner {
  /** Address of the box's pages. */
  readonly origin: string;
  readonly audioConstraints: MediaTrackConstraints | undefined;
  /** Connects and signs in. */
  connect(): Promise<void>;
  iceServers(): RTCIceServer[];
  /** Asks for an echo: offer there, answer back. */
  test(sdp: string): Promise<string>;
}

const FETCH_MS = 5_000;
/** As a call waits for a way; see `path`. */
const WAY_MS = 4_000;
const SOUND_MS = 4_000;
/** So many packets of one's own are heard again. */
const PACKETS = 20;

const ORDER: Hop[] = ['microphone', 'dns', 'https', 'websocket', 'udp', 'tcp', 'turn', 'dtls', 'media'];
/** One of these is enough. */
const WAYS: Hop[] = ['udp', 'tcp', 'turn'];

const ADVICE: Record<Hop, string> = {
  microphone: 'Allow the microphone in the address bar, plug one in, or close the program that holds it.',
  dns: 'Check the name of the box and the name server of this network.',
  https: 'Check the connection to the internet, and that the box’s address and certificate are right.',
  websocket: 'A proxy may forbid WebSockets: let the box’s address through as it is. If the box refuses, the page’s token or origin is wrong.',
  udp: 'Calls work without, over TCP or the relay. For the best sound let UDP to the box’s media port through.',
  tcp: 'Calls work without, over UDP or the relay. Let TCP to the box’s HTTPS port through as it is, also what is not TLS.',
  turn: 'Calls work without, over UDP or TCP. Let TLS to the box’s HTTPS port through unopened, and give the box a certificate that browsers trust.',
  dtls: 'A firewall lets checks through and encrypted media not: let all of UDP to the box’s media port through.',
  media: 'A firewall drops media after it has begun: let all of UDP to the box’s media port through, without a limit.',
};

/** The box does not offer it. */
class NothingToTry extends Error {}

/** @internal */
export async function preflight(owner: PreflightOwner, audio: AudioSource): Promise<PreflightReport> {
  const hops: PreflightHop[] = [];
  const failed = (hop: Hop) => hops.find((h) => h.hop === hop)?.result !== 'ok';
  const skip = (hop: Hop, message: string) => void hops.push({ hop, result: 'skipped', message, ms: 0 });
  const attempt = async (hop: Hop, run: () => Promise<string>): Promise<boolean> => {
    const since = Date.now();
    try {
      hops.push({ hop, result: 'ok', message: await run(), ms: Date.now() - since });
      return true;
    } catch (error) {
      if (error instanceof NothingToTry) {
        skip(hop, error.message);
        return false;
      }
      const message = error instanceof Error ? error.message : String(error);
      hops.push({ hop, result: 'failed', message, advice: ADVICE[hop], ms: Date.now() - since });
      return false;
    }
  };

  let microphone: MediaStream | undefined;
  await attempt('microphone', async () => {
    microphone = await capture({ audio, video: false, defaults: owner.audioConstraints });
    return microphone ? 'The microphone can be used.' : 'No microphone is wanted.';
  });
  try {
    const reached = await attempt('https', () => answers(owner.origin));
    if (/^https?:\/\/(\[|[0-9.]+(:|\/|$))/.test(owner.origin)) skip('dns', 'The box has an address and no name.');
    else if (reached) hops.push({ hop: 'dns', result: 'ok', message: 'The name of the box is known.', ms: 0 });
    else skip('dns', 'The browser does not tell whether the name or the connection failed.');
    if (!reached) skip('websocket', 'Nothing of the box can be reached.');
    else {
      await attempt('websocket', async () => {
        await owner.connect();
        return 'The box takes this page.';
      });
    }
    if (failed('websocket')) {
      for (const hop of [...WAYS, 'dtls', 'media'] as const) skip(hop, 'The box could not be asked.');
      return report(hops);
    }
    const servers = owner.iceServers();
    await Promise.all([
      attempt('udp', () => direct(owner, microphone, 'udp')),
      attempt('tcp', () => direct(owner, microphone, 'tcp')),
      servers.length === 0 ? skip('turn', 'The box has no relay.') : attempt('turn', () => relay(servers)),
    ]);
    if (WAYS.every(failed)) {
      for (const hop of ['dtls', 'media'] as const) skip(hop, 'There is no way for media.');
    } else {
      await echo(owner, servers, microphone, attempt, skip);
    }
    return report(hops);
  } finally {
    stopTracks(microphone);
  }
}

/** One of three ways is enough; everything else has to be. */
function report(hops: PreflightHop[]): PreflightReport {
  hops.sort((a, b) => ORDER.indexOf(a.hop) - ORDER.indexOf(b.hop));
  const is = (hop: Hop, result: string) => hops.find((h) => h.hop === hop)?.result === result;
  const noWay = !WAYS.some((way) => is(way, 'ok')) && WAYS.some((way) => is(way, 'failed'));
  const failing = hops.find((h) => h.result === 'failed' && (!WAYS.includes(h.hop) || noWay));
  return failing ? { ok: false, failing: failing.hop, hops } : { ok: true, hops };
}

async function answers(origin: string): Promise<string> {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), FETCH_MS);
  try {
    await fetch(`${origin}/sdk/v1/causeway.js`, { method: 'HEAD', cache: 'no-store', signal: gone.signal });
    return 'The box answers over HTTPS.';
  } catch (error) {
    throw new CausewayError('connection_lost', 'The box does not answer over HTTPS.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function narrowed(servers: RTCIceServer[], fits: RegExp): RTCIceServer[] {
  return servers
    .map((server) => ({ ...server, urls: [server.urls].flat().filter((url) => fits.test(url)) }))
    .filter((server) => server.urls.length > 0);
}

/** Waits until `found` gives something, looked at every 50 ms, or the time is over. */
async function within<T>(ms: number, found: () => T | undefined | Promise<T | undefined>): Promise<T | undefined> {
  const until = Date.now() + ms;
  for (;;) {
    const now = await found();
    if (now !== undefined || Date.now() >= until) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function connection(
  owner: PreflightOwner,
  iceServers: RTCIceServer[],
  microphone: MediaStream | undefined,
  only?: 'udp' | 'tcp',
): Promise<RTCPeerConnection> {
  const pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
  try {
    const track = microphone?.getAudioTracks()[0];
    pc.addTransceiver(track ?? 'audio', { direction: track ? 'sendrecv' : 'recvonly' });
    await pc.setLocalDescription(await pc.createOffer());
    let sdp = await owner.test(pc.localDescription?.sdp ?? '');
    if (only) sdp = candidatesOf(sdp, only);
    await pc.setRemoteDescription({ type: 'answer', sdp });
    return pc;
  } catch (error) {
    pc.close();
    throw error;
  }
}

const passed = (pc: RTCPeerConnection) => ['connected', 'completed'].includes(pc.iceConnectionState) || undefined;

/** An answer whose candidates are of one transport. */
function candidatesOf(sdp: string, transport: 'udp' | 'tcp'): string {
  const lines = sdp.split('\r\n');
  const other = (line: string) => line.startsWith('a=candidate:') && line.split(' ')[2]?.toLowerCase() !== transport;
  if (lines.every((line) => !line.startsWith('a=candidate:') || other(line))) {
    throw new NothingToTry(`The box takes no media over ${transport.toUpperCase()}.`);
  }
  return lines.filter((line) => !other(line)).join('\r\n');
}

async function direct(owner: PreflightOwner, microphone: MediaStream | undefined, transport: 'udp' | 'tcp'): Promise<string> {
  const name = transport.toUpperCase();
  const pc = await connection(owner, [], microphone, transport);
  try {
    if (await within(WAY_MS, () => passed(pc))) return `${name} reaches the box.`;
    throw new CausewayError('no_path', `No ${name} comes back from the box.`);
  } finally {
    pc.close();
  }
}

/** Which ways lead to the relay: each is asked for itself, and one is enough. */
async function relay(servers: RTCIceServer[]): Promise<string> {
  const ways: [string, RegExp][] = [
    ['UDP', /^turn:(?!.*transport=tcp)/],
    ['TCP', /^turn:.*transport=tcp/],
    ['TLS', /^turns:/],
  ];
  const tried = await Promise.all(
    ways.map(async ([name, fits]) => {
      const own = narrowed(servers, fits);
      return own.length > 0 && (await relayed(own)) ? name : undefined;
    }),
  );
  const found = tried.filter((name) => name !== undefined);
  if (found.length === 0) throw new CausewayError('no_path', 'The relay cannot be reached.');
  return `The relay can be used, over ${found.join(', ')}.`;
}

async function relayed(iceServers: RTCIceServer[]): Promise<boolean> {
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' });
  try {
    let found: true | undefined;
    pc.onicecandidate = (event) => {
      if (/ typ relay\b/.test(event.candidate?.candidate ?? '')) found = true;
    };
    pc.createDataChannel('');
    await pc.setLocalDescription(await pc.createOffer());
    return (await within(WAY_MS, () => found)) ?? false;
  } finally {
    pc.close();
  }
}

async function echo(
  owner: PreflightOwner,
  servers: RTCIceServer[],
  microphone: MediaStream | undefined,
  attempt: (hop: Hop, run: () => Promise<string>) => Promise<boolean>,
  skip: (hop: Hop, message: string) => void,
): Promise<void> {
  let pc: RTCPeerConnection | undefined;
  try {
    const met = await attempt('dtls', async () => {
      const made = (pc = await connection(owner, servers, microphone));
      const up = await within(2 * WAY_MS, () => (made.connectionState === 'connected' ? true : undefined));
      if (!up) throw new CausewayError('media_failed', 'The encrypted connection did not come about.');
      return 'Media is encrypted between browser and box.';
    });
    if (!met || !pc) skip('media', 'There is no connection for it.');
    else if (!microphone) skip('media', 'Without a microphone nothing can be sent.');
    else {
      const made = pc;
      await attempt('media', async () => {
        const back = await within(SOUND_MS, async () => {
          let packets = 0;
          (await made.getStats()).forEach((s: { type: string; packetsReceived?: number }) => {
            if (s.type === 'inbound-rtp') packets += s.packetsReceived ?? 0;
          });
          return packets >= PACKETS ? true : undefined;
        });
        if (!back) throw new CausewayError('media_failed', 'What is sent does not come back.');
        return 'Sound goes to the box and back.';
      });
    }
  } finally {
    pc?.close();
  }
}
