//! Tags: names that many calls share, so that all of them can be forgotten at once.

use std::hash::Hasher;

use cachekit_backends::KeyStream;

use crate::bytes::envelope::SecondDigest;

/// The tags of one call, in their order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    names: Vec<String>,
    /// What a table knows them by.
    owners: Vec<u64>,
}

/// The most tags of a call.
const MOST: usize = 200;

impl Tags {
    /// Adds a tag; one that is there already, or beyond the most that a call can have, changes nothing.
    pub fn push(&mut self, tag: impl Into<String>) {
        let tag = tag.into();
        if self.names.len() < MOST && !self.names.contains(&tag) {
            self.owners.push(owner(&tag));
            self.names.push(tag);
        }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn owners(&self) -> &[u64] {
        &self.owners
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
