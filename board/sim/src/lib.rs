//! A board that exists only in memory: for tests, and for the box on a developer's machine.
//!
//! | module | what |
//! |---|---|
//! | [`board`] | a clock that is moved by hand, a log of what happened, faults on demand |
//! | [`parts`] | the parts of the board, all on that clock and in that log |
//! | [`front`] | somebody's finger at the front panel |
//! | [`screen`] | what a terminal shows of the bytes it gets |
//! | [`session`] | somebody at the console, and a shell that does what a box would |
//! | [`wire`] | a file between two ends of a line that may be bad |

pub mod board;
pub mod front;
pub mod parts;
pub mod screen;
pub mod session;
pub mod wire;

pub use board::{Event, Fault, SimBoard};
pub use front::Front;
pub use parts::{SimButton, SimLamps, SimReset, SimThermometer, SimWatchdog};
pub use screen::SimScreen;
pub use session::Session;
