//! One thing to be forgotten in one cache: now, after a commit, or again when it failed.

use std::fmt;
use std::sync::Arc;

use cachekit_backends::{Error, OwnedKey, Result};

use super::recovery::Recovery;
use super::subject::Subject;
use crate::cache::Cache;
use crate::call::{self, Change, OneCall};
use crate::events::EventKind;
use crate::io::Flavour;
use crate::key::names;
use crate::site::Site;
use crate::site::stats::count;

/// One thing to be forgotten in one cache.
#[derive(Clone)]
pub(crate) struct Invalidation {
    pub(crate) cache: Cache,
    act: Act,
}

/// How it is forgotten.
#[derive(Clone)]
enum Act {
    /// One call.
    Call(&'static Site, Arc<OneCall>),
    /// One instance, or the whole function.
    Stamp(&'static Site, Option<OwnedKey>, Change),
    /// What is under a key.
    Key(String),
    /// What has a tag.
    Tag(String),
    /// Everything.
    All,
}

impl Invalidation {
    pub(crate) fn call(cache: Cache, site: &'static Site, call: Arc<OneCall>) -> Self {
        Self { cache, act: Act::Call(site, call) }
    }

    pub(crate) fn stamp(
        cache: Cache,
        site: &'static Site,
        instance: Option<OwnedKey>,
        change: Change,
    ) -> Self {
        Self { cache, act: Act::Stamp(site, instance, change) }
    }

    pub(crate) fn key(cache: Cache, key: &str) -> Self {
        Self { cache, act: Act::Key(key.to_owned()) }
    }

    pub(crate) fn tag(cache: Cache, tag: &str) -> Self {
        Self { cache, act: Act::Tag(tag.to_owned()) }
    }

    pub(crate) fn all(cache: Cache) -> Self {
        Self { cache, act: Act::All }
    }

    /// The key, where it is about no more than that.
    pub(crate) fn own_key(&self) -> Option<&str> {
        match &self.act {
            Act::Key(key) => Some(key),
            _ => None,
        }
    }

    /// What it is about.
    pub(crate) fn subject(&self) -> Subject {
        match &self.act {
            Act::Call(_, call) => Subject::Key(call.key_text()),
            Act::Stamp(site, None, _) => Subject::Function(names::function(site)),
            Act::Stamp(site, Some(instance), _) => {
                Subject::Instance(names::function(site), names::instance(&self.cache.core, site, instance))
            }
            Act::Key(key) => Subject::Key(key.clone()),
            Act::Tag(tag) => Subject::Tag(tag.clone()),
            Act::All => Subject::All,
        }
    }

    /// The whole function in place of this part of it, where one stamp forgets them all.
    pub(crate) fn of_function(&self) -> Option<Self> {
        let site = self.site().filter(|site| !site.options.by_request)?;
        Some(Self::stamp(self.cache.clone(), site, None, Change::Replace))
    }

    /// Leaves it to the recovery of its cache, where there is one.
    pub(crate) fn give_up(&self, error: Error) -> Error {
        match &self.cache.core.recovery {
            Some(recovery) => recovery.keep(self.clone(), recovery.begin(), error),
            None => error.with_context("subject", format!("{:?}", self.subject())),
        }
    }

    fn site(&self) -> Option<&'static Site> {
        match self.act {
            Act::Call(site, _) | Act::Stamp(site, ..) => Some(site),
            _ => None,
        }
    }

    /// Forgets it; says whether there was something. What fails is kept for another attempt, where the cache is told to.
    ///
    /// # Errors
    ///
    /// When the backend fails: it may not be forgotten then.
    pub(crate) async fn carry_out(&self, flavour: Flavour) -> Result<bool> {
        let recovery = self.cache.core.recovery.as_ref();
        let begun = recovery.map_or(0, Recovery::begin);
        let outcome = self.attempt(flavour).await;
        match outcome {
            Ok(was_there) => {
                if let Some(recovery) = recovery {
                    recovery.forgotten(|| self.subject(), begun);
                }
                self.tell_forgotten();
                Ok(was_there)
            }
            Err(mut error) => {
                if let Some(recovery) = recovery {
                    error = recovery.keep(self.clone(), begun, error);
                }
                if let Some(site) = self.site() {
                    count(&site.counters.errors);
                    site.tell(EventKind::Error, None, Some(&error));
                }
                Err(error)
            }
        }
    }

    /// Forgets it, and tells nobody.
    ///
    /// # Errors
    ///
    /// As [`carry_out`](Self::carry_out).
    pub(crate) async fn attempt(&self, flavour: Flavour) -> Result<bool> {
        let cache = &self.cache;
        match &self.act {
            Act::Call(_, call) => call.forget(cache, flavour).await,
            Act::Stamp(site, instance, change) => {
                call::forget_stamp(site, cache, flavour, instance.as_ref(), *change).await
            }
            Act::Key(key) => Ok(cache.forget(flavour, &[key]).await? == [true]),
            Act::Tag(tag) => cache.forget_tag(flavour, tag).await.map(|()| false),
            Act::All => cache.forget_all(flavour).await.map(|()| false),
        }
    }

    pub(crate) fn tell_forgotten(&self) {
        if let Some(site) = self.site() {
            site.tell(EventKind::Invalidated, None, None);
        }
    }
}

impl fmt::Debug for Invalidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidation").field("subject", &self.subject()).finish_non_exhaustive()
    }
}
