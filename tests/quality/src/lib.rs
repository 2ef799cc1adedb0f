//! How calls sound on bad networks: real speech through the box or its path alone, judged by PESQ, beside what libopus
//! makes of the same packets without a box.

pub mod calls;
pub mod chain;
pub mod listener;
pub mod path;
pub mod score;
pub mod speech;
