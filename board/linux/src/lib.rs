//! A board that runs Linux: the traits of `causeway-board` by what the kernel offers.
//!
//! | module | what | by |
//! |---|---|---|
//! | [`description`] | which board this is, and what it has where | DMI, device tree |
//! | [`lamps`] | lamps | `/sys/class/leds` |
//! | [`pin`] | a pin, for button and lamps | the GPIO character device |
//! | [`watchdog`] | the hardware watchdog | `/dev/watchdog` |
//! | [`notify`] | the service manager, which feeds that watchdog on a box | its notification socket |
//! | [`thermal`] | the hottest place | `/sys/class/thermal` |
//! | [`reset`] | why the box was started, and a panic's last words | `bootstatus`, pstore, a mark in the state folder |
//! | [`line`] | a line with a person at its other end | serial port, terminal |
//! | [`service`] | the console on such a line | threads |
//! | [`transfer`] | a file over it, while the console steps aside | YMODEM |
//!
//! Paths begin at a root that is handed in, so that a folder can stand for a machine.

pub mod description;
pub mod lamps;
pub mod line;
pub mod notify;
pub mod pin;
pub mod reset;
pub mod service;
pub mod thermal;
pub mod transfer;
pub mod watchdog;

pub use description::{BoardDescription, detect};
pub use lamps::SysfsLamps;
pub use line::{Line, SerialLine, TerminalLine};
pub use notify::Notifier;
pub use pin::{Pin, PinError};
pub use reset::LinuxReset;
pub use service::{Post, Shell, serve};
pub use thermal::ThermalZones;
pub use transfer::{Moved, Transfer};
pub use watchdog::DevWatchdog;
