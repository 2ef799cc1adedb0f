//! Real parts under a test's control: the box, the demo ACD, browsers, Asterisk, Kamailio, baresip, SIPp.
//!
//! Everything is started on free loopback ports with its files in a temporary folder, waits until it is ready, and is
//! stopped by its own process id; a part that is dropped is ended at once. Nothing here knows the box's insides: it
//! writes a configuration, starts programs and talks to them over their public interfaces.

pub mod acd;
pub mod asterisk;
pub mod baresip;
pub mod box_process;
pub mod browser;
pub mod capture;
pub mod certificates;
pub mod check;
pub mod cli;
pub mod config;
pub mod customer;
pub mod error;
pub mod figures;
pub mod https;
pub mod ice;
pub mod impairment;
pub mod kamailio;
pub mod load;
pub mod lossy;
pub mod nal_units;
pub mod name_server;
pub mod network;
pub mod page;
pub mod picture;
pub mod place;
pub mod program;
pub mod reach;
pub mod relay;
pub mod scene;
pub mod sipp;
pub mod soak;
pub mod sound;
pub mod storm;
pub mod tap;
pub mod udp_relay;
pub mod web_caller;
pub mod web_phone;

pub use acd::Acd;
pub use asterisk::Asterisk;
pub use baresip::Baresip;
pub use box_process::BoxProcess;
pub use browser::Browser;
pub use config::BoxPlan;
pub use error::{HarnessError, Result};
pub use kamailio::Kamailio;
pub use lossy::LossyNetwork;
pub use name_server::NameServer;
pub use scene::Scene;
pub use sipp::Sipp;
pub use web_caller::WebCaller;
pub use web_phone::WebPhone;
