//! Calls from a real browser through a real box to Asterisk 22. Run with `--test-threads=1`.

mod caller;
mod digits;
mod early_media;
mod echo_and_tone;
mod ends;
mod held_by_agent;
mod queue;
mod rings_the_browser;
