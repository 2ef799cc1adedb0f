//! Descriptions in, descriptions out.

mod browser;
mod keying;
mod reader;
mod trunk;
mod video;
