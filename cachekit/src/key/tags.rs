//! Tags: names that many calls share, so that all of them can be forgotten at once.

use std::hash::Hasher;

use cachekit_backends::KeyStream;

use super::CallKey;
use crate::bytes::envelope::{SecondDigest, Stamp};
use crate::site::Site;

/// The tags of one call, in their order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    names: Vec<String>,
    /// What a table knows them by; also those of which no more is known.
    owners: Vec<u64>,
    /// By their places: the stamps that some had when what the value is made from was read.
    stamps: Vec<(usize, Stamp)>,
}

/// What a value has a tag by, for who makes another value from it.
#[derive(Clone, Debug)]
pub(crate) struct Tie {
    /// What a table knows the tag by.
    pub(crate) owner: u64,
    /// The tag, where more is known.
    pub(crate) name: Option<String>,
    /// Its stamp when the value was read, or before it was computed, in a backend.
    pub(crate) stamp: Option<Stamp>,
}

impl Tie {
    pub(crate) fn new(tag: &str, stamp: Option<Stamp>) -> Self {
        Self { owner: owner(tag), name: Some(tag.to_owned()), stamp }
    }
}

/// The most tags of a call.
const MOST: usize = 200;

/// What the tag of a namespace begins with. One of a user's that does is written with two.
const NAMESPACE: char = '@';

/// A user's tag, as it is written.
pub(crate) fn of_user(tag: impl Into<String>) -> String {
    let mut tag = tag.into();
    if tag.starts_with(NAMESPACE) {
        tag.insert(0, NAMESPACE);
    }
    tag
}

/// The tag that all calls in a namespace have.
pub(crate) fn of_namespace(name: &str) -> String {
    format!("{NAMESPACE}{name}")
}

impl Tags {
    /// Adds a tag; one that is there already, or beyond the most that a call can have, changes nothing.
    pub fn push(&mut self, tag: impl Into<String>) {
        let tag = of_user(tag);
        if self.names.len() < MOST && !self.names.contains(&tag) {
            self.owners.push(owner(&tag));
            self.names.push(tag);
        }
    }

    /// Those of a call: that of the function's namespace, then its own.
    pub(crate) fn of_call<K: CallKey>(site: &'static Site, key: &K) -> Self {
        let mut tags = key.tags();
        if let Some(name) = site.options.namespace {
            let tag = of_namespace(name);
            tags.owners.insert(0, owner(&tag));
            tags.names.insert(0, tag);
        }
        tags
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn owners(&self) -> &[u64] {
        &self.owners
    }

    /// The stamp that the tag at this place had when what the value is made from was read, if that is known.
    pub(crate) fn stamp(&self, place: usize) -> Option<Stamp> {
        self.stamps.iter().find(|(of, _)| *of == place).map(|(_, stamp)| *stamp)
    }

    /// Takes a tag over from a value that this one is made from. Says whether there was room for it.
    pub(crate) fn inherit(&mut self, tie: Tie) -> bool {
        if !self.owners.contains(&tie.owner) {
            if self.owners.len() >= MOST {
                return false;
            }
            self.owners.push(tie.owner);
        }
        let Some(name) = tie.name else { return true };
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        self.stamps.extend(tie.stamp.map(|stamp| (place, stamp)));
        true
    }
}

impl<T: Into<String>> FromIterator<T> for Tags {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        let mut all = Self::default();
        tags.into_iter().for_each(|tag| all.push(tag));
        all
    }
}

/// What a table knows a tag by. Receivers are known by other numbers; should two be the same, one goes with the other.
pub(crate) fn owner(tag: &str) -> u64 {
    let mut digest = SecondDigest::default();
    digest.feed(b"tag");
    digest.feed(tag.as_bytes());
    // None is zero.
    digest.half().max(1)
}

/// A key with tags, which are made only when somebody has to know them.
#[derive(Debug)]
pub struct Tagged<K, F> {
    pub(super) key: K,
    pub(super) tags: F,
}

/// The key of a call under the tags that `tags` gives.
#[inline]
pub fn tagged<K, F: Fn(&mut Tags)>(key: K, tags: F) -> Tagged<K, F> {
    Tagged { key, tags }
}

impl<K: KeyStream, F> KeyStream for Tagged<K, F> {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.key.feed(sink);
    }
}
