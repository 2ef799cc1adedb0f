//! Phone to phone over loopback: one scenario a file.

mod answer_and_tone;
mod command_line;
mod credentials;
mod digits;
mod early_and_reliable;
mod hold;
mod many;
mod rejections;
mod support;
mod teardown;
