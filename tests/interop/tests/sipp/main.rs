//! SIPp plays the PBX: what a PBX may say, each scenario with a box of its own.
//!
//! The web side is a light caller, so nothing here needs a browser or the machine for itself: the scenarios run beside
//! each other, best with `--test-threads=64`, for most of their time is waiting for SIP's timers.

mod challenge;
mod dialog;
mod direction;
mod early;
mod early_update;
mod glare;
mod in_dialog;
mod late_200;
mod lost;
mod next_target;
mod picture;
mod plain;
mod redirected;
mod refer;
mod refresh;
mod refused;
mod refused_offer;
mod reinvite;
mod reliable;
mod rings_in;
mod silence;
mod strict;
mod support;
mod syntax;
mod tcp;
