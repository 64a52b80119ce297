//! What a program decides while it runs: modes of a task, records, the switch of the process, invalidations that wait for
//! a commit or are tried again, and how much is computed while a backend is down.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod after_commit;
mod deaf;
mod limit;
mod modes;
mod needless;
mod ramp;
mod record;
mod recovery;
mod room;
#[cfg(unix)]
mod servers;
mod support;
mod switch;
