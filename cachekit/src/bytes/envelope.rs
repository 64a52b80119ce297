//! The byte form of an entry: what a value carries with it into a backend.
//!
#![doc = include_str!("../docs/envelope.md")]

use std::borrow::Cow;
use std::hash::Hasher as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachekit_backends::Lifetimes;

use super::pack::{Packed, Packing};
use super::refusal::Reason;
use super::seal::{self, Sealing};

const MAGIC: [u8; 2] = [0xC5, 0x4B];
const FORMAT: u8 = 1;
/// The length of what is unlike in every write: enough to recognise one.
pub(crate) const HEAD: usize = 13;
const TOMBSTONE: u8 = 1;
/// The words that follow the compute time of an entry with more than a lifetime.
const MORE: usize = 5;
/// The codec of integers in a sealed cache: their decimal text, which an open one keeps without an envelope.
pub(crate) const INTEGER: u8 = 127;

/// A generation of a function or an instance: a random number, zero for none.
pub(crate) type Stamp = u64;

/// What an envelope says.
#[derive(Debug, Clone)]
pub(crate) struct Envelope<'a> {
    pub(crate) codec: u8,
    pub(crate) born: SystemTime,
    /// How long it lives, and how long computing it took.
    pub(crate) lifetimes: Lifetimes,
    /// The age at which it was last asked for, if that is kept.
    pub(crate) touched: Duration,
    /// The age until which computing a newer one is put off.
    pub(crate) put_off: Duration,
    /// What the value is: a fingerprint of its type.
    pub(crate) shape: u64,
    /// A digest of the key beside the one in the key: two calls that collide in one do not in the other.
    pub(crate) second: u128,
    /// The receiver whose stamp is the second one; zero for none.
    pub(crate) instance: u128,
    /// Those of the function, of the receiver if there is one, of the tags.
    pub(crate) stamps: Vec<Stamp>,
    /// The function whose stamps these are, where the key does not name it.
    pub(crate) owner: Cow<'a, str>,
    /// The tags.
    pub(crate) tags: Vec<Cow<'a, str>>,
    pub(crate) payload: Packed<'a>,
}

/// What the first bytes of an entry say.
pub(crate) struct Head {
    pub(crate) packing: Packing,
    pub(crate) sealing: Sealing,
    pub(crate) codec: u8,
}

impl Head {
    /// The head of the entry under a key of the backend.
    pub(crate) fn parse(bytes: &[u8], key: &str) -> Result<Self, Reason> {
        let (head, _) = bytes.split_first_chunk::<HEAD>().ok_or(Reason::Foreign)?;
        let [m0, m1, format, flags, codec, ..] = *head;
        if [m0, m1] != MAGIC {
            return Err(Reason::Foreign);
        }
        if format != FORMAT {
            return Err(Reason::Version);
        }
        if flags == TOMBSTONE {
            return Err(seal::checked(bytes, key).map_or_else(|reason| reason, |_| Reason::Tombstone));
        }
        match (Packing::of_bits(flags >> 1 & 7), Sealing::of_bits(flags >> 4)) {
            (Some(packing), Some(sealing)) if flags & TOMBSTONE == 0 => Ok(Self { packing, sealing, codec }),
            _ => Err(Reason::Version),
        }
    }

    /// The bytes of a new head, unlike those of every other one.
    pub(crate) fn write(&self) -> Vec<u8> {
        head((self.packing as u8) << 1 | (self.sealing as u8) << 4, self.codec)
    }
}

impl<'a> Envelope<'a> {
    /// Reads what stands between head and seal; `None` if it is cut short.
    pub(crate) fn parse(head: &Head, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let born = UNIX_EPOCH.checked_add(Duration::from_millis(reader.u64()?))?;
        let fresh = Some(reader.u64()?).filter(|ms| *ms != 0).map(Duration::from_millis);
        let compute = Duration::from_micros(reader.u64()?);
        let [stale, grace, idle, touched, put_off] = match reader.take()? {
            [0] => [0; MORE],
            [count] if usize::from(count) == MORE => {
                let mut more = [0; MORE];
                for word in &mut more {
                    *word = reader.u64()?;
                }
                more
            }
            _ => return None,
        }
        .map(Duration::from_millis);
        let idle = Some(idle).filter(|idle| !idle.is_zero());
        let lifetimes = Lifetimes { fresh, stale, grace, idle, compute, ..Lifetimes::default() };
        let shape = reader.u64()?;
        let second = u128::from_le_bytes(reader.take()?);
        let instance = u128::from_le_bytes(reader.take()?);
        let [count] = reader.take()?;
        let stamps = (0..count).map(|_| reader.u64()).collect::<Option<_>>()?;
        let owner = reader.text()?.into();
        let [count] = reader.take()?;
        let tags = (0..count).map(|_| reader.text().map(Cow::Borrowed)).collect::<Option<_>>()?;
        let length = usize::try_from(reader.u64()?).ok()?;
        let payload = Packed { packing: head.packing, length, bytes: reader.0.into() };
        Some(Self {
            codec: head.codec,
            born,
            lifetimes,
            touched,
            put_off,
            shape,
            second,
            instance,
            stamps,
            owner,
            tags,
            payload,
        })
    }

    /// The same, with bytes of its own.
    pub(crate) fn into_owned(self) -> Envelope<'static> {
        let bytes = Cow::Owned(self.payload.bytes.into_owned());
        let payload = Packed { bytes, ..self.payload };
        let tags = self.tags.into_iter().map(|tag| Cow::Owned(tag.into_owned())).collect();
        Envelope { owner: Cow::Owned(self.owner.into_owned()), tags, payload, ..self }
    }

    /// Writes what stands between head and seal.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(160 + 8 * self.stamps.len() + self.owner.len() + self.payload.bytes.len());
        let born = self.born.duration_since(UNIX_EPOCH).unwrap_or_default();
        let Lifetimes { fresh, stale, grace, idle, compute, .. } = self.lifetimes;
        // A lifetime under a millisecond is not "never".
        let at_least_one = |lifetime: Duration| millis(lifetime).max(1);
        let words = [millis(born), fresh.map_or(0, at_least_one), micros(compute)];
        out.extend(words.into_iter().flat_map(u64::to_le_bytes));
        let more = [
            millis(stale),
            millis(grace),
            idle.map_or(0, at_least_one),
            millis(self.touched),
            millis(self.put_off),
        ];
        let more: &[u64] = if more == [0; MORE] { &[] } else { &more };
        out.push(u8::try_from(more.len()).unwrap_or(u8::MAX));
        out.extend(more.iter().flat_map(|word| word.to_le_bytes()));
        out.extend(self.shape.to_le_bytes());
        out.extend(self.second.to_le_bytes());
        out.extend(self.instance.to_le_bytes());
        // No more than `Names` makes.
        out.push(u8::try_from(self.stamps.len()).unwrap_or(u8::MAX));
        for stamp in &self.stamps {
            out.extend(stamp.to_le_bytes());
        }
        write_text(out, &self.owner);
        out.push(u8::try_from(self.tags.len()).unwrap_or(u8::MAX));
        self.tags.iter().for_each(|tag| write_text(out, tag));
        out.extend((self.payload.length as u64).to_le_bytes());
        out.extend(&*self.payload.bytes);
    }
}

/// What is put in the place of a call that was forgotten, or of a key whose value is being computed. Never sealed: it
/// can only cause misses.
pub(crate) fn tombstone(key: &str) -> Vec<u8> {
    seal::with_checksum(head(TOMBSTONE, 0), key)
}

/// Whether the bytes under a key are a whole tombstone.
pub(crate) fn is_tombstone(bytes: &[u8], key: &str) -> bool {
    matches!(Head::parse(bytes, key), Err(Reason::Tombstone))
}

/// The integer that bytes are, as stores keep them.
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn head(flags: u8, codec: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + 8);
    out.extend(MAGIC);
    out.extend([FORMAT, flags, codec]);
    out.extend(random().to_le_bytes());
    out
}

/// Names of functions and tags are kept far shorter than this; see `names::fit`.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(text.bytes());
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

/// A random number that is not zero. Unlike others with overwhelming probability, not secret.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The keys are random per process; the count and the time keep forks and calls apart.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
    hasher.write_u32(std::process::id());
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    hasher.write_u128(nanos);
    hasher.finish().max(1)
}

/// The second digest of a key: SipHash-2-4 under two fixed keys, the same everywhere, and unlike any digest that names
/// the key. What was fed may be kept, and fed on.
#[allow(deprecated, reason = "std keeps SipHash-2-4, which is specified, only under this name")]
#[derive(Clone)]
pub(crate) struct SecondDigest([std::hash::SipHasher; 2]);

impl Default for SecondDigest {
    #[allow(deprecated, reason = "as above")]
    fn default() -> Self {
        let keys: [u64; 2] = [0x6361_6368_656b_6974, 0x7365_636f_6e64_2121];
        Self(keys.map(|key| std::hash::SipHasher::new_with_keys(key, !key)))
    }
}

impl SecondDigest {
    /// Feeds a part, its length first.
    pub(crate) fn feed(&mut self, part: &[u8]) {
        for hasher in &mut self.0 {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
    }

    /// Half of it, where that is enough to tell things apart.
    pub(crate) fn half(&self) -> u64 {
        self.0[1].finish()
    }

    pub(crate) fn finish(&self) -> u128 {
        let [high, low] = self.0.each_ref().map(|hasher| u128::from(hasher.finish()));
        high << 64 | low
    }
}

/// The fingerprint of a type by its name, the same for a borrowed and an owned form of text and slices.
pub(crate) fn shape_of<T: ?Sized>() -> u64 {
    shape_of_name(std::any::type_name::<T>())
}

fn shape_of_name(name: &str) -> u64 {
    let name: String = name.replace('&', "").replace("alloc::string::String", "str");
    let name = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .filter(|n| !n.contains(';'))
        .map_or_else(|| name.clone(), |item| format!("alloc::vec::Vec<{item}>"));
    let mut digest = SecondDigest::default();
    digest.feed(name.as_bytes());
    digest.half()
}
