//! Calls from a real browser through a real box to Asterisk 22, one scenario a file.
//!
//! They are one program because they share a machine's time: see [`causeway_interop`].

mod busy;
mod dead;
mod dies;
mod digest;
mod early_media;
mod echo;
mod hold;
mod incoming_answered;
mod incoming_given_up;
mod incoming_refused;
mod no_circuit;
mod nothing_left;
mod page_transfers;
mod pbx_hangs_up;
mod qualify;
mod queue;
mod registered;
mod replaced;
mod rings_out;
mod srtp;
mod tcp;
mod tone_and_digits;
mod transfer;
mod trunk_check;
