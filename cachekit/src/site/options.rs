//! What was written in an attribute, as the expansion says it: one call for each option.

use std::time::Duration;

use cachekit_backends::Timeout;

use super::Site;
use crate::fresh::Freshness;
use crate::key::digest::HashMethod;

/// What was written in the attribute.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the attribute")]
pub(crate) struct Options {
    pub(crate) by_request: bool,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) none_timeout: Option<Timeout>,
    pub(crate) err_timeout: Option<Timeout>,
    pub(crate) cache_name: Option<&'static str>,
    /// What the function is forgotten with.
    pub(crate) namespace: Option<&'static str>,
    pub(crate) local: bool,
    /// Values are kept near, each for so long at most.
    pub(crate) near: Option<Timeout>,
    pub(crate) max_size: Option<usize>,
    pub(crate) source_check: Option<bool>,
    pub(crate) hash_method: Option<HashMethod>,
    pub(crate) make_name: Option<fn(&str) -> String>,
    pub(crate) query_string: bool,
    pub(crate) freshness: Freshness,
    /// The tags of calls, as they were written, and whether values decide on more.
    pub(crate) tags: &'static [&'static str],
    pub(crate) value_tags: bool,
    /// Whether values take over tags and lifetimes of those that they are made from.
    pub(crate) inherit: bool,
    /// How long one holder of the lease is waited for, where one process computes for all.
    pub(crate) lock: Option<Duration>,
    pub(crate) recompute_limit: Option<usize>,
    /// The share of keys whose hits are verified.
    pub(crate) verify: Option<f64>,
}

impl Options {
    /// What holds where nothing was written.
    pub(super) const PLAIN: Self = Self {
        by_request: false,
        timeout: None,
        none_timeout: None,
        err_timeout: None,
        cache_name: None,
        namespace: None,
        local: false,
        near: None,
        max_size: None,
        source_check: None,
        hash_method: None,
        make_name: None,
        query_string: false,
        freshness: Freshness::PLAIN,
        tags: &[],
        value_tags: false,
        inherit: false,
        lock: None,
        recompute_limit: None,
        verify: None,
    };
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $t:ty => $make:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name(mut self, $name: $t) -> Self {
            self.options.$name = $make;
            self
        }
    )*};
}

macro_rules! freshness {
    ($($name:ident: $t:ty => $field:ident $(, $wrap:ident)?;)*) => {$(
        #[must_use]
        pub const fn $name(mut self, $name: $t) -> Self {
            self.options.freshness.$field = $($wrap)? ($name);
            self
        }
    )*};
}

impl Site {
    options! {
        timeout: Timeout => Some(timeout);
        none_timeout: Timeout => Some(none_timeout);
        err_timeout: Timeout => Some(err_timeout);
        near: Timeout => Some(near);
        cache_name: &'static str => Some(cache_name);
        namespace: &'static str => Some(namespace);
        max_size: usize => Some(max_size);
        source_check: bool => Some(source_check);
        hash_method: HashMethod => Some(hash_method);
        make_name: fn(&str) -> String => Some(make_name);
        query_string: bool => query_string;
        recompute_limit: usize => Some(recompute_limit);
        tags: &'static [&'static str] => tags;
        verify: f64 => Some(verify);
    }

    freshness! {
        stale: Duration => stale;
        fail_safe: Duration => grace;
        jitter: f64 => jitter;
        early: f64 => early;
        eager: f64 => eager;
        idle: Duration => idle, Some;
        throttle: Duration => throttle, Some;
        soft_timeout: Duration => soft_timeout, Some;
        hard_timeout: Duration => hard_timeout, Some;
        refresh_every: Duration => refresh_every, Some;
    }

    /// The timeout, in the parts of a `Duration`.
    #[must_use]
    pub const fn after(self, seconds: u64, nanos: u32) -> Self {
        self.timeout(Timeout::After(Duration::new(seconds, nanos)))
    }

    /// Has one process compute for all.
    #[must_use]
    pub const fn lock(self) -> Self {
        self.lock_for(crate::call::LEASE_PATIENCE)
    }

    /// The same, with how long one holder of the lease is waited for.
    #[must_use]
    pub const fn lock_for(mut self, patience: Duration) -> Self {
        self.options.lock = Some(patience);
        self
    }

    /// Says that values decide on tags.
    #[must_use]
    pub const fn value_tags(mut self) -> Self {
        self.options.value_tags = true;
        self
    }

    /// Has values take over the tags, and the shortest lifetime, of those that they are made from.
    #[must_use]
    pub const fn inherit(mut self) -> Self {
        self.options.inherit = true;
        self.value_tags()
    }

    /// Keeps the values in this process.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.options.local = true;
        self
    }
}
