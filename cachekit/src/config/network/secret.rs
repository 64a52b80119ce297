//! A text that is not shown.

#![cfg_attr(
    not(any(feature = "redis", feature = "memcached-sasl")),
    allow(dead_code, reason = "kept for a type of cache that logs in")
)]

use std::fmt;

/// A user name or a password.
#[derive(Clone, Default)]
pub(in crate::config) struct Secret(String);

impl Secret {
    pub(in crate::config) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text; an empty one stands for none, as in the environment.
    pub(in crate::config) fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
