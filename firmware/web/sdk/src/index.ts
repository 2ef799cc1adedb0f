/** Calls from a web page through a Causeway box. */

export { Call } from './call';
export type { AcceptOptions, CallEvents, CallState, DigitOptions } from './call_types';
export { Device } from './device';
export type { ConnectOptions, DeviceEvents, DeviceOptions } from './device';
export { CausewayError } from './errors';
export type { ClientErrorCode, ErrorCode, ServerErrorCode, SipCause } from './errors';
export { Emitter } from './events';
export type { EventMap } from './events';
export { LevelMeter } from './levels';
export type { LogLevel } from './log';
export type { AudioSource } from './media';
export type { VideoSource } from './video';
export type { CallWarning } from './monitor';
export type { CodecPreference } from './peer';
export type { Hop, PreflightHop, PreflightReport } from './preflight';
export type { CallbackWish, CauseCode, DisconnectCause, HeldBy } from './protocol';
export type { ConnectionState } from './signaling';
export type { CallStats, MediaPath } from './stats';
export type { TokenOrProvider } from './token';
export { SDK_VERSION } from './version';
