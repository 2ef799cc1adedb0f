//! causeway-interop
