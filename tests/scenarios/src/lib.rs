//! causeway-scenarios
