/**
 * Says soon when a connection will find no way to the box, instead of when the browser gives up after half a minute.
 *
 * A check that is answered at all is answered within seconds, and so is a relay. So a call is without a way when for
 * `NO_RELAY_MS` after the answer no check was answered and the relay was not reached either; with the relay reached, when
 * nothing came through it for `SILENT_RELAY_MS`.
 */

import { CausewayError } from './errors';

const NO_RELAY_MS = 4_000;
const SILENT_RELAY_MS = 8_000;
const LOOK_MS = 250;

const ELSEWHERE = 'Another network, such as a mobile phone’s, may let it through.';

/** @internal */
export class PathWatch {
  readonly #connection: RTCPeerConnection;
  readonly #noPath: (error: CausewayError) => void;
  #relayed = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(connection: RTCPeerConnection, noPath: (error: CausewayError) => void) {
    this.#connection = connection;
    this.#noPath = noPath;
  }

  /** The browser has found an address of its own. */
  candidate(line: string): void {
    if (/ typ relay\b/.test(line)) this.#relayed = true;
  }

  /** The box has answered: from now on there must be a way. */
  begin(): void {
    if (this.#closed) return;
    const since = Date.now();
    this.#timer ??= setInterval(() => {
      const { iceConnectionState, connectionState } = this.#connection;
      // A check was answered: from here on it is the handshake's time, and others watch.
      if (iceConnectionState === 'connected' || iceConnectionState === 'completed' || connectionState === 'connected') {
        this.close();
      } else if (Date.now() - since >= (this.#relayed ? SILENT_RELAY_MS : NO_RELAY_MS)) {
        this.close();
        this.#noPath(new CausewayError('no_path', this.#words()));
      }
    }, LOOK_MS);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #words(): string {
    const servers = this.#connection.getConfiguration().iceServers ?? [];
    if (this.#relayed) return `No way for sound: nothing passes from the relay to the box. ${ELSEWHERE}`;
    const tcp = / tcptype passive\b/.test(this.#connection.currentRemoteDescription?.sdp ?? '');
    if (servers.length > 0) {
      return `No way for sound: this network lets neither UDP nor the box's relay over TCP and TLS through. ${ELSEWHERE}`;
    }
    return tcp
      ? `No way for sound: this network lets neither UDP nor TCP to the box through. ${ELSEWHERE}`
      : `No way for sound: this network lets no UDP through, and the box has no relay. ${ELSEWHERE}`;
  }
}
