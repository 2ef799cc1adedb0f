//! The media plane over loopback: a browser on one side, a PBX on the other, nothing between them
//! but the product. Real time; each scenario takes a few seconds.

mod browser;
mod call;
mod hostile;
mod network;
mod packet_times;
mod pauses;
mod pbx;
mod pictures;
mod quality;
mod secure;
mod sound;
mod sounds;
