//! The catalogue of behaviour that cachekit carries over, as far as it is about typed caches and annotated functions.
//!
//! The numbers in the names of the tests are the catalogue's; COMPATIBILITY.md says where each case is tested, and why
//! some do not apply. What is about bytes is in the conformance kit, what is about files in `tests/filesystem`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod backends;
mod cached;
mod cached_keys;
mod codecs;
mod configuration;
mod connections;
mod contract;
mod coverage;
mod edge_cases;
mod events;
mod failures;
mod forgetting;
mod fragments;
mod memoize;
mod memoize_keys;
mod one_place;
mod operations;
mod proxies;
mod round_trips;
mod simple;
mod source_check;
mod timeouts;
mod world;
