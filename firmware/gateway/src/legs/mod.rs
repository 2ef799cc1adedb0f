//! The translation between the words of [`causeway_call`] and those of SIP and of the web protocol.

pub mod account;
pub mod attempt;
pub mod caller;
pub mod info_digits;
pub mod redirection;
pub mod said;
pub mod trunk;
pub mod web;
