//! Clearing without a list of keys: which entries are dead, by when they were written.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

/// What a writer knew of the registry when it wrote: which one, and how many times it had been cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) id: u64,
    pub(crate) seq: u64,
}

/// One server's record of what was cleared when.
///
/// An entry is dead if it was written under another registry (this one was lost and made anew), or before a prefix was
/// cleared that its key begins with. At most 128 prefixes are listed, and no more than make 4000 bytes; beyond that the oldest make
/// everything dead that is older than their clearing. So a registry stays small, and forgetting costs only misses.
///
/// Layout, integers big-endian: the mark `CKe1`, id, number and floor (8 bytes each), how many prefixes (2 bytes), and for
/// each its number (8 bytes), its length (2 bytes) and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registry {
    epoch: Epoch,
    /// What was written in an earlier epoch is dead, whatever its key.
    floor: u64,
    /// Prefixes and the epochs that their clearing began, oldest first.
    cleared: Vec<(Vec<u8>, u64)>,
}

const MARK: &[u8; 4] = b"CKe1";
const PREFIXES: usize = 128;
const BYTES: usize = 4000;
/// What is before the prefixes, and before each of them.
const HEADER: usize = 30;
const BESIDE_PREFIX: usize = 10;

impl Registry {
    /// A registry that no entry belongs to yet.
    pub(crate) fn fresh() -> Self {
        let id = RandomState::new().hash_one(Instant::now());
        Self { epoch: Epoch { id, seq: 0 }, floor: 0, cleared: Vec::new() }
    }

    /// What is written now is written in this epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether an entry under this key (the user's, complete and not hashed), written in this epoch, is dead.
    pub(crate) fn kills(&self, key: &str, written: Epoch) -> bool {
        written.id != self.epoch.id
            || written.seq < self.floor
            || self
                .cleared
                .iter()
                .any(|(prefix, seq)| written.seq < *seq && key.as_bytes().starts_with(prefix))
    }

    /// Begins an epoch in which everything older whose key begins with the prefix is dead.
    pub(crate) fn clear(&mut self, prefix: &str) {
        self.epoch.seq += 1;
        self.cleared.retain(|(listed, _)| !listed.starts_with(prefix.as_bytes()));
        self.cleared.push((prefix.as_bytes().to_vec(), self.epoch.seq));
        while self.cleared.len() > PREFIXES || self.length() > BYTES || self.oldest_is_everything() {
            let (_, seq) = self.cleared.remove(0);
            self.floor = self.floor.max(seq);
        }
    }

    fn length(&self) -> usize {
        self.cleared.iter().fold(HEADER, |length, (prefix, _)| length + BESIDE_PREFIX + prefix.len())
    }

    /// The empty prefix is a floor.
    fn oldest_is_everything(&self) -> bool {
        self.cleared.first().is_some_and(|(prefix, _)| prefix.is_empty())
    }

    /// What the server is to keep.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        for integer in [self.epoch.id, self.epoch.seq, self.floor] {
            bytes.extend(integer.to_be_bytes());
        }
        // Both fit: `clear` sees to it.
        bytes.extend(u16::try_from(self.cleared.len()).unwrap_or(0).to_be_bytes());
        for (prefix, seq) in &self.cleared {
            bytes.extend(seq.to_be_bytes());
            bytes.extend(u16::try_from(prefix.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(prefix);
        }
        bytes
    }

    /// Reads what the server keeps; `None` if it is anything but a registry.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (mark, rest) = bytes.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (floor, rest) = rest.split_first_chunk()?;
        let (count, mut rest) = rest.split_first_chunk()?;
        let epoch = Epoch { id: u64::from_be_bytes(*id), seq: u64::from_be_bytes(*seq) };
        let mut registry = Self { epoch, floor: u64::from_be_bytes(*floor), cleared: Vec::new() };
        for _ in 0..u16::from_be_bytes(*count) {
            let (seq, after) = rest.split_first_chunk()?;
            let (length, after) = after.split_first_chunk()?;
            let (prefix, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            registry.cleared.push((prefix.to_vec(), u64::from_be_bytes(*seq)));
            rest = after;
        }
        (mark == MARK && rest.is_empty()).then_some(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleared(prefixes: &[&str]) -> Registry {
        let mut registry = Registry { epoch: Epoch { id: 7, seq: 0 }, floor: 0, cleared: Vec::new() };
        for prefix in prefixes {
            registry.clear(prefix);
        }
        registry
    }

    fn at(seq: u64) -> Epoch {
        Epoch { id: 7, seq }
    }

    #[test]
    fn what_begins_with_a_cleared_prefix_and_is_older_is_dead() {
        let registry = cleared(&["a:"]);
        assert!(registry.kills("a:1", at(0)) && registry.kills("a:", at(0)));
        assert!(!registry.kills("a", at(0)) && !registry.kills("b:1", at(0)));
        assert!(!registry.kills("a:1", registry.epoch()));
    }

    #[test]
    fn what_another_registry_knew_is_dead() {
        assert!(cleared(&[]).kills("k", Epoch { id: 8, seq: 0 }));
        assert_ne!(Registry::fresh().epoch().id, Registry::fresh().epoch().id);
    }

    #[test]
    fn a_shorter_prefix_takes_the_place_of_longer_ones_before_it() {
        let registry = cleared(&["a:b", "a:c", "x", "a:"]);
        assert_eq!(registry.cleared.len(), 2);
        assert!(registry.kills("a:b", at(3)) && registry.kills("x", at(2)) && !registry.kills("x", at(3)));
        let later = cleared(&["a:", "a:b"]);
        assert!(later.kills("a:b", at(1)) && !later.kills("a:c", at(1)) && later.kills("a:c", at(0)));
    }

    #[test]
    fn the_empty_prefix_is_everything() {
        let registry = cleared(&["a:", ""]);
        assert!(registry.kills("k", at(1)) && !registry.kills("k", at(2)));
        assert!(registry.cleared.is_empty());
    }

    #[test]
    fn too_many_prefixes_kill_more_than_they_must_and_never_less() {
        let prefixes: Vec<String> = (0..300).map(|n| format!("prefix {n:03}")).collect();
        let registry = cleared(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(registry.cleared.len(), PREFIXES);
        for (seq, prefix) in (0..).zip(&prefixes) {
            assert!(registry.kills(prefix, at(seq)) && !registry.kills(prefix, registry.epoch()));
        }
        let long = cleared(&["short", &"l".repeat(BYTES), "next"]);
        assert!(long.kills("k", at(1)) && !long.kills("k", at(2)) && long.kills("next", at(2)));
        assert!(cleared(&[&"l".repeat(100_000)]).to_bytes().len() < 100);
        assert_eq!(registry.to_bytes().len(), registry.length());
        let lengthy: Vec<String> = (0..300).map(|n| format!("{n}{}", "l".repeat(n))).collect();
        let registry = cleared(&lengthy.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(registry.to_bytes().len() <= BYTES && !registry.cleared.is_empty());
    }

    #[test]
    fn what_is_written_is_read_and_the_layout_stays() {
        let registry = cleared(&["a", "b", "", "prefix\n"]);
        let bytes = registry.to_bytes();
        assert_eq!(bytes, b"CKe1\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x03\0\x01\0\0\0\0\0\0\0\x04\0\x07prefix\n");
        assert_eq!(Registry::parse(&bytes), Some(registry));
        for length in 0..bytes.len() {
            assert_eq!(Registry::parse(&bytes[..length]), None);
        }
        assert_eq!(Registry::parse(&[&bytes[..], b"\0"].concat()), None);
        assert_eq!(Registry::parse(&[b"CKe1", &[0xff; 60][..]].concat()), None);
    }
}
