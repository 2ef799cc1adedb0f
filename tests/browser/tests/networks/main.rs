//! Callers in networks that change or lead nowhere, in namespaces with real browsers.

mod moved;
mod no_path;
mod reloaded;
mod support;
