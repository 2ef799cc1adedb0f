//! Callers in networks that change or lead nowhere, in namespaces with real browsers.

mod blocked;
mod moved;
mod no_path;
mod preflight;
mod reloaded;
mod support;
