//! causeway-board
