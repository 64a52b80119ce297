//! The harness itself: servers start, fail as they are told, and are gone afterwards; a proxy spoils what it is told to.

// They look at processes in `/proc`.
#![cfg(target_os = "linux")]

#[path = "servers/ends.rs"]
mod ends;
#[path = "servers/kinds.rs"]
mod kinds;
#[path = "servers/proxy.rs"]
mod proxy;
#[path = "servers/several.rs"]
mod several;
