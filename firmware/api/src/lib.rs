//! causeway-api
