//! causeway-call
