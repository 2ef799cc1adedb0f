/** The browser's own figures about a call's audio, from its long reports to one flat record. */

/** Figures of one call's audio as the browser counts them. */
export interface CallStats {
  /** What is sent, e.g. `opus` or `PCMU`. */
  codec: string | undefined;
  packetsSent: number;
  bytesSent: number;
  packetsReceived: number;
  bytesReceived: number;
  /**
   * The way media takes: straight to the box over `udp` or `tcp`, or by its relay, reached over `relay_udp`, `relay_tcp` or
   * `relay_tls`.
   */
  path: MediaPath | undefined;
  /** Packets from the box that never came. */
  packetsLost: number;
  /** Packets of ours the box missed, when it says so. */
  remotePacketsLost: number | undefined;
  /** Interarrival jitter of what is received, milliseconds. */
  jitterMs: number | undefined;
  /** Browser to box and back, milliseconds. */
  rttMs: number | undefined;
  /** Loudness received, 0…1, as the browser measures it. */
  audioLevel: number | undefined;
  /** Samples played that were invented to hide losses, of all played. */
  concealedSamples: number | undefined;
  totalSamples: number | undefined;
  /** SSRCs on the wire; neither changes in the life of a call. */
  outboundSsrc: number | undefined;
  inboundSsrc: number | undefined;
}

/** See {@link CallStats.path}. */
export type MediaPath = 'udp' | 'tcp' | 'relay_udp' | 'relay_tcp' | 'relay_tls';

type Entry = Record<string, unknown>;

/** @internal */
export function summarize(report: { forEach(f: (entry: Entry) => void): void }): CallStats {
  const all = new Map<string, Entry>();
  report.forEach((entry) => all.set(String(entry['id']), entry));
  const find = (type: string, test: (e: Entry) => boolean = (e) => e['kind'] === 'audio') =>
    [...all.values()].find((e) => e['type'] === type && test(e));
  const outbound = find('outbound-rtp');
  const inbound = find('inbound-rtp');
  const remote = find('remote-inbound-rtp');
  const transport = find('transport', (e) => e['selectedCandidatePairId'] !== undefined);
  // Firefox has no such transport; of several nominated pairs it marks the one it uses.
  const pair =
    all.get(String(transport?.['selectedCandidatePairId'])) ??
    find('candidate-pair', (e) => e['selected'] === true) ??
    find('candidate-pair', (e) => e['nominated'] === true && e['state'] === 'succeeded');
  const codec = all.get(String((outbound ?? inbound)?.['codecId']));
  const rtt = number(remote?.['roundTripTime']) ?? number(pair?.['currentRoundTripTime']);
  const jitter = number(inbound?.['jitter']);
  const mime = codec?.['mimeType'];
  return {
    codec: typeof mime === 'string' ? mime.replace(/^audio\//, '') : undefined,
    path: pathOf(all.get(String(pair?.['localCandidateId']))),
    packetsSent: number(outbound?.['packetsSent']) ?? 0,
    bytesSent: number(outbound?.['bytesSent']) ?? 0,
    packetsReceived: number(inbound?.['packetsReceived']) ?? 0,
    bytesReceived: number(inbound?.['bytesReceived']) ?? 0,
    packetsLost: number(inbound?.['packetsLost']) ?? 0,
    remotePacketsLost: number(remote?.['packetsLost']),
    jitterMs: jitter === undefined ? undefined : jitter * 1000,
    rttMs: rtt === undefined ? undefined : rtt * 1000,
    audioLevel: number(inbound?.['audioLevel']),
    concealedSamples: number(inbound?.['concealedSamples']),
    totalSamples: number(inbound?.['totalSamplesReceived']),
    outboundSsrc: number(outbound?.['ssrc']),
    inboundSsrc: number(inbound?.['ssrc']),
  };
}

function pathOf(local: Entry | undefined): MediaPath | undefined {
  const [relay, protocol] = [local?.['relayProtocol'], local?.['protocol']];
  if (relay === 'udp' || relay === 'tcp' || relay === 'tls') return `relay_${relay}`;
  return protocol === 'udp' || protocol === 'tcp' ? protocol : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The part of the figures the box keeps with the call record. @internal */
export function reportOf(stats: CallStats): Record<string, number | string> {
  const report: Record<string, number | string | undefined> = {
    codec: stats.codec,
    path: stats.path,
    packets_sent: stats.packetsSent,
    packets_received: stats.packetsReceived,
    packets_lost: stats.packetsLost,
    remote_packets_lost: stats.remotePacketsLost,
    jitter_ms: rounded(stats.jitterMs),
    rtt_ms: rounded(stats.rttMs),
    concealed_samples: stats.concealedSamples,
    total_samples: stats.totalSamples,
  };
  return Object.fromEntries(Object.entries(report).filter((e): e is [string, number | string] => e[1] !== undefined));
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 10) / 10;
}
