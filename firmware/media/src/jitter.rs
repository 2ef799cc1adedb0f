//! Reordering and loss, packet by packet.
