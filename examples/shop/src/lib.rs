//! A shop: axum over `SQLite`, with memoized queries, cached views and whole responses, and what a write forgets.
//!
//! - [`db`]: the database, filled with rows that are the same in every run.
//! - [`queries`]: what is asked of it, memoized; and the writes, which forget what they change.
//! - [`views`]: the pages. [`app`]: the router with its caches.
//! - [`serve`]: the program around it.
//! - [`load`]: requests that look like a shop's, for the load script and the test.

pub mod app;
pub mod db;
pub mod load;
pub mod queries;
pub mod serve;
pub mod views;
