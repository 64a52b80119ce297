//! `#[memoize(batch)]`: a function over many ids, whose values are cached one by one.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod counted;
mod flights;
mod options;
mod promise5;
mod shapes;
mod support;
mod trips;
