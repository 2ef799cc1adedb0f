//! Media cores of Causeway.

pub mod plan;
