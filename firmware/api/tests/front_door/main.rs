//! The API through its front door: real TLS and real WebSockets over loopback, a played switch and store.

mod support;

mod a_token_is_minted;
mod bounds_hold;
mod clients_are_refused;
mod management_is_apart;
mod pages_are_served;
mod preflight_is_public;
mod questions_are_answered;
mod requests_reach_the_switch;
mod the_document_is_current;
mod the_relay_is_reached;
mod there_is_no_box;
mod tokens_end;
