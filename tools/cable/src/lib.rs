//! The box at the other end of a serial cable, as a person there would use it: by what its console prints and by what may be
//! typed. Nothing here knows how the box works inside.
//!
//! | module | what |
//! |---|---|
//! | [`line`] | the cable: a serial port, a Unix socket behind which a simulated machine is, a terminal device |
//! | [`screen`] | what was printed, as lines |
//! | [`prompt`] | what the console waits for |
//! | [`session`] | somebody at the console |
//! | [`banner`] | what a console says before anybody is let in |
//! | [`answers`] | what the questions of the first start are answered with |
//! | [`files`] | a file over the cable |
//!
//! ```no_run
//! use causeway_cable::{Answers, Session, SocketLine};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut session = Session::open(SocketLine::connect("/run/box.serial".as_ref())?);
//! session.wait_banner()?;
//! session.set_up(&Answers { password: Some("a long sentence".into()), ..Answers::default() })?;
//! println!("{}", session.command("show status")?);
//! # Ok(())
//! # }
//! ```

pub mod answers;
pub mod banner;
pub mod error;
pub mod files;
mod first_start;
pub mod line;
pub mod prompt;
pub mod screen;
pub mod session;

pub use answers::Answers;
pub use banner::Banner;
pub use error::CableError;
pub use files::{Progress, Report};
pub use line::{DeviceLine, Line, PortLine, SocketLine};
pub use prompt::Prompt;
pub use session::Session;
