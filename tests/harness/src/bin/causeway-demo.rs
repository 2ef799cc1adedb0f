//! The box with a demo ACD behind it, for people (`run`) and for a check.
fn main() {}
