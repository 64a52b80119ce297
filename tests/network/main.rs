//! What memoized functions do over real servers: round trips, several processes, and servers that fail.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod differential;
mod faults;
mod forms;
mod full;
mod names;
mod processes;
mod quickstart;
mod round_trips;
mod sizes;
mod truth;

/// A URL with more parameters.
fn with(url: &str, parameters: &str) -> String {
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}{parameters}")
}
