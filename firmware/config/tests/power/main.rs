//! What is left when the disk fails or the power goes, at every step in turn.

mod cuts;
mod failures;
mod simulated;
