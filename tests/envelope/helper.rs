//! A store whose bytes a test can see and change, and the parts of an entry by the documented layout.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cachekit::{
    Backend, Cache, CacheBuilder, Capability, Config, Error, ErrorKind, Result, Seen, testing::Scope,
};

/// The length of the head of an entry.
pub(crate) const HEAD: usize = 13;

/// A store outside this process, as far as a cache knows. Nothing in it expires. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Shelf {
    fn with<R>(&self, action: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> R) -> R {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.with(|all| all.get(key).cloned())
    }

    pub(crate) fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.with(|all| all.insert(key.to_owned(), bytes.into()));
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.with(|all| all.clone())
    }

    /// A cache over this store.
    pub(crate) fn cache(&self, build: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Cache {
        build(Cache::builder().backend(self.clone())).build()
    }
}

/// What a call gives with a cache as the installed one.
pub(crate) fn with<R>(cache: &Cache, call: impl FnOnce() -> R) -> R {
    Scope::new(cache.clone()).run(call)
}

impl Backend for Shelf {
    fn name(&self) -> &'static str {
        "Shelf"
    }

    fn capability(&self) -> Capability {
        let mut capability = Capability::NONE;
        capability.stores = true;
        capability.shared = true;
        capability.compare_and_set = true;
        capability
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(self.with(|all| keys.iter().map(|key| all.get(*key).cloned()).collect()))
    }

    fn set_many(&self, items: &[(&str, &[u8])], _: Option<Duration>) -> Result<Vec<bool>> {
        for (key, value) in items {
            self.put(key, *value);
        }
        Ok(vec![true; items.len()])
    }

    fn add(&self, key: &str, value: &[u8], _: Option<Duration>) -> Result<bool> {
        self.compare_and_set(key, None, value, None)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        _: Option<Duration>,
    ) -> Result<bool> {
        Ok(self.with(|all| {
            let as_seen = match (all.get(key), seen) {
                (None, None) => true,
                (Some(found), Some(seen)) => found.starts_with(seen.head),
                _ => false,
            };
            if as_seen {
                all.insert(key.to_owned(), value.to_vec());
            }
            as_seen
        }))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(self.with(|all| keys.iter().map(|key| all.remove(*key).is_some()).collect()))
    }

    fn increment(&self, key: &str, delta: i64, _: Option<Duration>) -> Result<i64> {
        let now = match self.get(key) {
            None => delta,
            Some(bytes) => String::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse::<i64>().ok()?.checked_add(delta))
                .ok_or_else(|| Error::new(ErrorKind::Type, "expected an integer"))?,
        };
        self.put(key, now.to_string());
        Ok(now)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.with(|all| all.retain(|key, _| !key.starts_with(prefix)));
        Ok(())
    }
}

/// Where the parts of an entry are, found by the documented layout alone.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) flags: u8,
    /// The id of the key and, if it is encrypted, the nonce.
    pub(crate) sealed: Range<usize>,
    pub(crate) body: Range<usize>,
    /// In the body, if it is readable: what there is beside a lifetime, and so on.
    pub(crate) more: Range<usize>,
    pub(crate) stamps: Range<usize>,
    pub(crate) owner: Range<usize>,
    /// With their number and their lengths.
    pub(crate) tags: Range<usize>,
    pub(crate) length: Range<usize>,
    pub(crate) payload: Range<usize>,
}

impl Parts {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let flags = bytes[3];
        let (nonce, tag) = match flags >> 4 {
            0 => (None, 8),
            1 => (Some(0), 32),
            _ => (Some(24), 16),
        };
        let begin = HEAD + nonce.map_or(0, |nonce| 1 + usize::from(bytes[HEAD]) + nonce);
        let mut parts = Self {
            flags,
            sealed: HEAD..begin,
            body: begin..bytes.len() - tag,
            more: 0..0,
            stamps: 0..0,
            owner: 0..0,
            tags: 0..0,
            length: 0..0,
            payload: 0..0,
        };
        if flags >> 4 < 2 && flags & 1 == 0 {
            parts.more = begin + 25..begin + 25 + 8 * usize::from(bytes[begin + 24]);
            let count = parts.more.end + 40;
            parts.stamps = count + 1..count + 1 + 8 * usize::from(bytes[count]);
            let owner = parts.stamps.end + 2;
            let text_at =
                |at: usize| at..at + usize::from(u16::from_le_bytes([bytes[at - 2], bytes[at - 1]]));
            parts.owner = text_at(owner);
            let count = parts.owner.end;
            let end = (0..bytes[count]).fold(count + 1, |end, _| text_at(end + 2).end);
            parts.tags = count..end;
            parts.length = end..end + 8;
            parts.payload = parts.length.end..parts.body.end;
        }
        parts
    }
}

/// The bytes of a digest that configuration knows by name.
pub(crate) fn digest(method: &str, parts: &[&[u8]]) -> Vec<u8> {
    let config = Config::new().set("CACHE_HASH_METHOD", method).unwrap();
    unhex(&config.get_hash_method()(parts))
}

/// The checksum of an entry without a seal.
pub(crate) fn checksum(key: &str, covered: &[u8]) -> Vec<u8> {
    digest("md5", &[&(key.len() as u64).to_le_bytes(), key.as_bytes(), covered])[..8].to_vec()
}

/// An entry without a seal, changed by somebody who knows how it is summed up.
pub(crate) fn with_checksum(key: &str, covered: &[u8]) -> Vec<u8> {
    [covered, &checksum(key, covered)].concat()
}

/// Zeros in Zstandard, as blocks of 128 KiB that repeat one byte: a gigabyte in 8192. The window is as large as is said.
pub(crate) fn zstd_bomb(window_log: u8, blocks: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0, (window_log - 10) << 3];
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// As many zeros in LZ4 as the format can: each byte stands for 255.
pub(crate) fn lz4_bomb(length: usize) -> Vec<u8> {
    [vec![0x1F, 0, 1, 0], vec![255; length], vec![0, 0]].concat()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}
