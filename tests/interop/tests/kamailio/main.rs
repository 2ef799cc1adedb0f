//! Calls from a real browser through a real box and Kamailio as a proxy to ACDs, one scenario a file.

mod cancel;
mod challenge;
mod dead_target;
mod fork;
mod hidden_topology;
mod in_dialog;
mod incoming;
mod reliable;
mod tcp;
mod tls;
mod two_proxies;
