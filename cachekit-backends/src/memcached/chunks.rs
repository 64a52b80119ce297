//! Values that are spread over several entries: a manifest under the key, and parts under names of their own.
//!
//! The parts are written before the manifest, under names that no other version of the value has, so that a reader finds
//! all parts of one version or misses. Parts of a version that was replaced or deleted expire after a while, so that
//! whoever has just read their manifest finds them still.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::keys;

/// What is stored under the key of a value that is spread.
///
/// Layout, integers big-endian: the number of parts (4 bytes), the length of the value (8), its SHA-256 (32), what the
/// names of the parts are made of (16), and the first 64 bytes of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) count: u32,
    pub(super) total: u64,
    checksum: [u8; 32],
    generation: u128,
    /// What the value begins with, so that it can be compared.
    pub(super) head: Vec<u8>,
}

const HEAD: usize = 64;
/// A manifest that claims more parts is none of ours.
const MOST: u32 = 1 << 20;

impl Manifest {
    /// The manifest of a new version of a value in so many parts.
    pub(super) fn of(value: &[u8], count: u32) -> Self {
        let random = || u128::from(RandomState::new().hash_one(Instant::now()));
        Self {
            count,
            total: value.len() as u64,
            checksum: Sha256::digest(value).into(),
            generation: random() << 64 | random(),
            head: value[..HEAD.min(value.len())].to_vec(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.count.to_be_bytes().to_vec();
        bytes.extend(self.total.to_be_bytes());
        bytes.extend(self.checksum);
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(&self.head);
        bytes
    }

    /// Reads a manifest; `None` if it is anything else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (generation, head) = rest.split_first_chunk()?;
        let (count, total) = (u32::from_be_bytes(*count), u64::from_be_bytes(*total));
        let is_possible = (1..=MOST).contains(&count)
            && u64::from(count) <= total
            && head.len() as u64 == total.min(HEAD as u64);
        is_possible.then(|| Self {
            count,
            total,
            checksum: *checksum,
            generation: u128::from_be_bytes(*generation),
            head: head.to_vec(),
        })
    }

    /// The names of the parts of the value under a key, in their order.
    pub(super) fn names(&self, key: &str) -> impl Iterator<Item = String> + use<> {
        (0..self.count).map(keys::chunks(key, self.generation))
    }

    /// The value, if these are its parts.
    pub(super) fn assemble<'a>(&self, parts: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        parts.for_each(|part| value.extend_from_slice(part));
        let is_whole = value.len() as u64 == self.total && self.checksum == *Sha256::digest(&value);
        is_whole.then_some(value)
    }

    /// Whether the value begins so; `None` where more of it is needed to tell.
    pub(super) fn begins_with(&self, head: &[u8]) -> Option<bool> {
        if head.len() <= self.head.len() || head.len() as u64 > self.total {
            return Some(self.head.starts_with(head));
        }
        if head.starts_with(&self.head) { None } else { Some(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let value: Vec<u8> = (0..=255).collect();
        let manifest = Manifest::of(&value, 4);
        let bytes = manifest.to_bytes();
        assert_eq!(bytes.len(), 60 + HEAD);
        assert_eq!(Manifest::parse(&bytes), Some(manifest));
        for length in 0..bytes.len() {
            assert_eq!(Manifest::parse(&bytes[..length]), None);
        }
        assert_eq!(Manifest::parse(&[&bytes[..], b"x"].concat()), None);
        assert_eq!(Manifest::parse(&[0xff; 124]), None, "no names for four billion parts are made");
    }

    #[test]
    fn only_all_parts_of_one_version_are_the_value() {
        let value: Vec<u8> = (0..=255).collect();
        let manifest = Manifest::of(&value, 4);
        let parts: Vec<&[u8]> = value.chunks(64).collect();
        assert_eq!(manifest.assemble(parts.iter().copied()), Some(value.clone()));
        assert_eq!(manifest.assemble(parts[..3].iter().copied()), None);
        assert_eq!(manifest.assemble(parts.iter().rev().copied()), None);
        assert_eq!(manifest.assemble(parts.iter().chain(&parts[..1]).copied()), None);
        let again = Manifest::of(&value, 4);
        assert!(manifest.names("k").zip(again.names("k")).all(|(one, other)| one != other));
        assert_eq!(manifest.names("k").count(), 4);
    }

    #[test]
    fn heads_are_compared_as_far_as_they_go() {
        let value = [b'v'; 100];
        let manifest = Manifest::of(&value, 2);
        assert_eq!(manifest.begins_with(b""), Some(true));
        assert_eq!(manifest.begins_with(b"vvv"), Some(true));
        assert_eq!(manifest.begins_with(b"x"), Some(false));
        assert_eq!(manifest.begins_with(&[b'x'; 70]), Some(false));
        assert_eq!(manifest.begins_with(&[b'v'; 70]), None);
        assert_eq!(manifest.begins_with(&[b'v'; 101]), Some(false));
        assert_eq!(Manifest::of(b"vv", 2).begins_with(b"vvv"), Some(false));
    }
}
