//! causeway-sip
