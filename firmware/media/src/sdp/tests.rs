//! Descriptions in, descriptions out.

mod browser;
mod reader;
mod trunk;
