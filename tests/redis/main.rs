//! Redis, Redis behind sentinels and Redis in a cluster, against real servers.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod cluster;
mod conformance;
mod crowds;
mod dropped;
mod failover;
mod given;
mod lies;
mod outages;
mod refusals;
mod support;
mod trips;
