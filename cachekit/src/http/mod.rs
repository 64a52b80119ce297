//! Caching for web programs: whole responses, and the request that `#[cached]` functions are keyed by.
//!
#![doc = include_str!("../docs/http.md")]
#![cfg_attr(
    not(any(feature = "tower", feature = "actix")),
    allow(dead_code, reason = "what they share is of no use alone")
)]

mod answer;
mod cached_response;
mod context;
mod engine;
mod fill;
mod key;
mod page;
mod responses;
pub(crate) mod rules;
mod settings;

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower")]
pub mod tower;

use std::time::Duration;

use cachekit_backends::{Clock, Timeout};

pub use self::cached_response::CachedResponse;
pub use self::responses::ResponseCache;
pub use self::settings::ResponseCacheBuilder;
#[cfg(feature = "tower")]
pub use self::tower::{RequestContextLayer, ResponseCacheLayer};

/// The lifetime that a handler gave its response, on the way to the layer. `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnTimeout(pub(crate) Option<Duration>);

impl OwnTimeout {
    fn of(timeout: Timeout) -> Self {
        Self(match timeout {
            Timeout::After(lifetime) => Some(lifetime),
            Timeout::Until(_) => timeout.or_default(Timeout::Never, &Clock::SYSTEM),
            Timeout::Never | Timeout::Default => None,
        })
    }
}
