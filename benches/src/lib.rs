//! cachekit beside its peers, on the same functions, in one process, in turns.
//!
//! `cargo xtask bench` runs the sections, each a module here, and writes `RESULTS.md`. Every section prints Markdown on
//! stdout. What is common: [`contest`], [`cpu`], [`report`]; [`stores`] and [`functions`] are the contestants.

pub mod contest;
pub mod cpu;
#[cfg(feature = "remote")]
pub mod remote;
pub mod report;

#[cfg(feature = "peers")]
pub mod functions;
#[cfg(feature = "peers")]
pub mod sections;
#[cfg(feature = "peers")]
pub mod stores;
#[cfg(feature = "peers")]
pub mod traces;
#[cfg(feature = "peers")]
pub mod zipf;
