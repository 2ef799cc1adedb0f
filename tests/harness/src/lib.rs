//! causeway-harness
