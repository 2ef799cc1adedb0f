//! Calls from a real browser through a real box to Asterisk 22, one scenario a file.
//!
//! They are one program because they share a machine's time: see [`causeway_interop`].

mod busy;
mod codec_change;
mod dead;
mod dies;
mod digest;
mod digits_back;
mod digits_in_sound;
mod digits_info;
mod digits_otherwise;
mod direct_media;
mod early_media;
mod echo;
mod handed_on;
mod hold;
mod identity;
mod identity_in;
mod incoming_answered;
mod incoming_given_up;
mod incoming_refused;
mod music_on_hold;
mod no_circuit;
mod nothing_left;
mod page_transfers;
mod pbx_hangs_up;
mod picture_in_mid_call;
mod qualify;
mod queue;
mod redirected;
mod refer_replaces;
mod registered;
mod reliable;
mod replaced;
mod rings_out;
mod same_units;
mod session_timer;
mod srtp;
mod tcp;
mod tls_srtp;
mod tone_and_digits;
mod transfer;
mod transfer_tel;
mod trunk_check;
mod video;
mod wideband;
