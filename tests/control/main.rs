//! What a program decides while it runs: modes of a task, records, the switch of the process, invalidations that wait for
//! a commit or are tried again, and how much is computed while a backend is down.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod after_commit;
mod limit;
mod modes;
mod ramp;
mod record;
mod recovery;
#[cfg(unix)]
mod servers;
mod support;
mod switch;
