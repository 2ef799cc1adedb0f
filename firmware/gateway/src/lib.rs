//! causeway-gateway
