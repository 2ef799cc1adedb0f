//! The button on a company's page: another origin than the box, a content security policy that allows no more than the
//! README says, a real browser, box and ACD. Run with `--test-threads=1`.

mod accessible;
mod content;
mod endings;
mod firefox;
mod keyboard;
mod networks;
mod several;
mod support;
mod video;
