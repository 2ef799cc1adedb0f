//! causeway-directory
