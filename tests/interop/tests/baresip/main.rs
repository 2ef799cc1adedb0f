//! Calls from a real browser through a real box to baresip, a SIP phone, one scenario a file.

mod codec;
mod digits;
mod hold;
mod picture;
mod picture_in_mid_call;
mod same_units;
mod srtp;
mod tcp;
mod test_number;
mod tls;
mod transcoded;
mod udp;
mod video;
mod wideband;
