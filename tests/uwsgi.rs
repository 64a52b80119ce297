//! `UWSGICache` against a uWSGI server: the conformance kit in both flavours, and what is special about it.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

#[path = "uwsgi/backend.rs"]
mod backend;
#[path = "uwsgi/flavours.rs"]
mod flavours;
#[path = "uwsgi/refusals.rs"]
mod refusals;
#[path = "uwsgi/several.rs"]
mod several;
#[path = "uwsgi/trouble.rs"]
mod trouble;
