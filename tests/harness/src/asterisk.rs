//! Asterisk in its chroot.
