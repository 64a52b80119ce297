//! `Call`: what is known about one call that asks the cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit_backends::{Age, Error, Found, OwnedKey, Timeout};

use super::computing::{Computes, Computing};
use super::inherit::Heir;
use super::mode::Mode;
use crate::bytes::Names;
use crate::events::{self, EventKind};
use crate::fresh::{Judged, Old, Wish};
use crate::key::{CallKey, Tags, names};
use crate::site::Site;
use crate::store::{Part, Store};
use crate::value::Verdict;
use crate::values::Shared;

/// What a call is known by, among those of its function.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) key: OwnedKey,
    pub(crate) instance: Option<OwnedKey>,
    /// The text of the key, where that is not made from arguments.
    pub(crate) text: Option<String>,
    /// What it can be forgotten by besides.
    pub(crate) tags: Tags,
}

impl Identity {
    pub(crate) fn of<K: CallKey>(site: &'static Site, key: &K) -> Self {
        Self {
            key: OwnedKey::of(key),
            instance: key.instance(),
            text: key.text().map(str::to_owned),
            tags: Tags::of_call(site, key),
        }
    }
}

/// What is known about a call that asks the cache.
pub(crate) struct Call {
    pub(crate) store: Arc<Store>,
    pub(crate) key: OwnedKey,
    pub(crate) instance: Option<OwnedKey>,
    /// The text of the key, where that is not made from arguments.
    pub(crate) text: Option<String>,
    /// What it can be forgotten by besides.
    pub(crate) tags: Tags,
    pub(crate) mode: Mode,
    /// What was found and is to be replaced by something newer.
    pub(crate) old: Option<Box<Old<Shared>>>,
    /// When the caller came, where it does not wait for ever.
    pub(crate) came: Option<Instant>,
    /// It stores nothing, and computes for itself alone.
    pub(crate) reads_only: bool,
    /// How long it may wait for a place to compute in, where those are limited.
    pub(crate) deadline: Option<Instant>,
    /// Who takes over what its value is tied to.
    pub(super) heir: Option<Arc<Heir>>,
}

impl Call {
    pub(crate) fn new(store: Arc<Store>, identity: Identity, mode: Mode) -> Self {
        let Identity { key, instance, text, tags } = identity;
        Self {
            store,
            key,
            instance,
            text,
            tags,
            mode,
            reads_only: false,
            deadline: None,
            old: None,
            came: None,
            heir: Heir::now(),
        }
    }

    /// What it is known by.
    pub(super) fn identity(&self) -> Identity {
        let Self { key, instance, text, tags, .. } = self;
        Identity { key: key.clone(), instance: instance.clone(), text: text.clone(), tags: tags.clone() }
    }

    /// The backend's names for what belongs to the call.
    pub(crate) fn names(&self) -> Names {
        Names::new(&self.store, &self.key, &self.key_text(), self.instance.as_ref(), &self.tags)
    }

    pub(crate) fn join(&self) -> Part {
        self.store.join(&self.key, self.instance.as_ref().map(OwnedKey::hash), &self.tags)
    }

    pub(crate) fn key_text(&self) -> String {
        self.text
            .clone()
            .unwrap_or_else(|| names::text(&self.store.core, self.store.site, self.store.types, &self.key))
    }

    pub(crate) fn tell(&self, kind: EventKind, error: Option<&Error>) {
        if events::wanted() {
            self.store.site.tell(kind, Some(&self.key_text()), error);
        }
    }

    pub(super) fn found(&self, stored: Shared) -> Shared {
        self.note_hit();
        self.taken(stored)
    }

    /// Counts a hit, unless it is still asked about.
    pub(super) fn note_hit(&self) {
        if self.mode != Mode::Checked {
            self.store.site.counters.hit();
            self.tell(EventKind::Hit, None);
        }
    }

    /// The value, of what is served and no hit.
    pub(super) fn taken(&self, stored: Shared) -> Shared {
        if let Some(heir) = &self.heir {
            heir.inherit_found(&self.store.core);
        }
        stored
    }

    /// Whether there is an old value that may be served while a newer one is computed.
    pub(crate) fn has_old_to_serve(&self) -> bool {
        self.old.as_ref().is_some_and(|old| old.wish == Wish::Renew)
    }

    /// The old value, as a hit.
    pub(crate) fn serve_old(&mut self) -> Option<Shared> {
        let old = self.old.take()?;
        Some(self.found(old.value))
    }

    /// A value that is to be served; an old one is kept at hand.
    pub(crate) fn judge(&mut self, found: Option<Found<Shared>>) -> Option<Shared> {
        match found.map(|found| self.store.site.options.freshness.judge(found)) {
            Some(Judged::Serve(stored)) => Some(stored),
            Some(Judged::Old(old)) => {
                self.old = Some(Box::new(old));
                None
            }
            None => {
                self.old = None;
                None
            }
        }
    }

    /// Keeps a value at hand, for when no newer one can be had.
    pub(crate) fn keep(&mut self, found: Found<Shared>) {
        let age = found.age.unwrap_or(Age::NEW);
        self.old = Some(Box::new(Old { value: found.value, age, wish: Wish::Renew }));
    }

    pub(super) fn alone(self: Box<Self>) -> Box<Computing> {
        self.computing(Computes::Alone)
    }

    /// How long an entry lives at most, as far as is known before its value.
    pub(crate) fn whole_lifetime(&self) -> Option<Duration> {
        let freshness = &self.store.site.options.freshness;
        Some(
            self.lifetime(None, Verdict::Plain)?
                .saturating_add(freshness.stale)
                .saturating_add(freshness.grace),
        )
    }

    /// How long a result lives: what was set at run time, what this call says, what the attribute says.
    pub(crate) fn lifetime(&self, dynamic: Option<Timeout>, verdict: Verdict) -> Option<Duration> {
        let options = &self.store.site.options;
        let by_verdict = match verdict {
            Verdict::Plain => None,
            Verdict::None => options.none_timeout,
            Verdict::Err => options.err_timeout,
        };
        by_verdict
            .or_else(|| self.store.site.timeout_now())
            .or(dynamic)
            .or(options.timeout)
            .unwrap_or_default()
            .or_default(self.store.core.default_timeout, &self.store.core.clock)
    }
}
