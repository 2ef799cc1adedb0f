//! causeway-vectors
