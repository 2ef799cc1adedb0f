//! Descriptions in, descriptions out.

mod browser;
mod keying;
mod reader;
mod trunk;
mod trunk_video;
mod video;
