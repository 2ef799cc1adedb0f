//! Scenarios between two endpoints, each read as the exchange of messages it is.

mod abandoned;
mod basic;
mod chaos;
mod commands;
mod contacts;
mod credentials;
mod early_update;
mod failing;
mod farewell;
mod forks;
mod invitations;
mod large;
mod loss;
mod net;
mod offers;
mod oracle;
mod overload;
mod prack_offer;
mod refusals;
mod registrations;
mod reliable;
mod requests;
mod script;
mod session_timers;
mod transfers;
