//! causeway-phone
