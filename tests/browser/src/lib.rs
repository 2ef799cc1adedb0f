//! causeway-browser-tests
