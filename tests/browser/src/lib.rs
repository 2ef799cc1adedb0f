//! Calls from real browsers through a real box to the demo ACD: everything is in `tests/calls`, one scenario a file,
//! in one program so that it links once. They measure sound in real time: run them one at a time.
