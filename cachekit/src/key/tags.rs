//! Tags: names that many calls share, so that all of them can be forgotten at once.

use std::hash::Hasher;

use cachekit_backends::KeyStream;

use super::CallKey;
use crate::bytes::envelope::{SecondDigest, Stamp};
use crate::site::Site;

/// The tags of one call, in their order, each once. Most calls have none, and carry no more than a word for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Option<Box<Listed>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
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
        let listed = self.listed();
        if listed.names.len() < MOST && !listed.names.contains(&tag) {
            listed.owners.push(owner(&tag));
            listed.names.push(tag);
        }
    }

    /// Those of a call: that of the function's namespace, then its own.
    #[inline]
    pub(crate) fn of_call<K: CallKey>(site: &'static Site, key: &K) -> Self {
        let tags = key.tags();
        match site.options.namespace {
            Some(name) => tags.within(name),
            None => tags,
        }
    }

    #[cold]
    fn within(mut self, namespace: &str) -> Self {
        let (tag, listed) = (of_namespace(namespace), self.listed());
        listed.owners.insert(0, owner(&tag));
        listed.names.insert(0, tag);
        self
    }

    fn listed(&mut self) -> &mut Listed {
        self.0.get_or_insert_default()
    }

    #[inline]
    pub(crate) fn names(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |listed| &listed.names)
    }

    #[inline]
    pub(crate) fn owners(&self) -> &[u64] {
        self.0.as_ref().map_or(&[], |listed| &listed.owners)
    }

    /// The stamp that the tag at this place had when what the value is made from was read, if that is known.
    pub(crate) fn stamp(&self, place: usize) -> Option<Stamp> {
        self.0.as_ref()?.stamps.iter().find(|(of, _)| *of == place).map(|(_, stamp)| *stamp)
    }

    /// Takes a tag over from a value that this one is made from. Says whether there was room for it.
    pub(crate) fn inherit(&mut self, tie: Tie) -> bool {
        let Listed { names, owners, stamps } = self.listed();
        if !owners.contains(&tie.owner) {
            if owners.len() >= MOST {
                return false;
            }
            owners.push(tie.owner);
        }
        let Some(name) = tie.name else { return true };
        let place = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        stamps.extend(tie.stamp.map(|stamp| (place, stamp)));
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
