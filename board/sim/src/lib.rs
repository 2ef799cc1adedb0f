//! causeway-board-sim
