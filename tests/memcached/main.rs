//! The memcached stores on real servers: every rule of the contract, and what only servers can show.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod clearing;
mod conformance;
mod dropped;
mod keys;
mod lies;
mod lifetimes;
mod limits;
mod logins;
mod outages;
mod spread;
mod support;
mod trips;
