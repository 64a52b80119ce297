//! `near`: values of this process in front of a remote backend, and what keeps them true.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod board;
mod elsewhere;
mod local;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod redis;
#[cfg(unix)]
mod spy;
mod tags;
mod told;
