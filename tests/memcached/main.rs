//! The memcached stores on real servers: every rule of the contract, and what only servers can show.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod conformance;
mod support;
