//! Every shape of annotated function, public, in a crate that tolerates no warning: not of rustc, not of clippy's
//! pedantic ones. Building it, and `cargo clippy -p cachekit-strict`, is the test.

#![deny(
    missing_docs,
    warnings,
    clippy::all,
    clippy::pedantic,
    missing_debug_implementations,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    unused_lifetimes,
    unused_qualifications,
    unsafe_op_in_unsafe_fn
)]

pub mod asynchronous;
pub mod functions;
pub mod methods;
