//! Calls from real browsers through a real box to the demo ACD. Run with `--test-threads=1`.

mod accepted_by_browser;
mod adaptive;
mod both_tones;
mod cut_socket;
mod digits;
mod early_media;
mod failover;
mod firefox;
mod held_by_page;
mod held_by_pbx;
mod life_of_a_call;
mod load;
mod pass_through;
mod picture_by_pbx;
mod quality;
mod refused;
mod relayed;
mod silence;
mod silent_pbx;
mod unanswered;
