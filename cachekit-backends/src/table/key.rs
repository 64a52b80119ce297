//! Keys as streams: what identifies a call is fed to a `Hasher`, and what that hasher does is the sink's business.
//!
//! The hash sink is fast and seeded per process. The match sink (in `stored`) compares the writes with stored bytes: an
//! exact comparison that needs neither an owned key nor a buffer. The encode sink makes those bytes. Every write is
//! tagged with its width and blocks with their length, which makes the encoding injective; integers are little-endian
//! and `usize` takes 64 bits, so that the bytes are the same on every platform.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::LazyLock;

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, RandomState};

use super::stored::portable_writes;

/// Something that can be fed, in order and always alike, to a `Hasher`.
pub trait KeyStream {
    /// Feeds the whole identity to `sink`.
    fn feed<H: Hasher>(&self, sink: &mut H);
}

impl<T: Hash + ?Sized> KeyStream for T {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.hash(sink);
    }
}

/// What hashes begin with: random, and the same for the whole process, so that nobody can prepare colliding keys.
#[derive(Clone, Debug)]
pub struct Seed {
    own: u64,
    /// What the hash is multiplied by for its high half. As it comes from the hasher, keys in steps (1, 2, 3, …) are
    /// hashes in steps, which by some seeds lie close together: then probes would be long.
    last: u64,
    /// A copy, so that a table has it where it has the rest.
    shared: SharedSeed,
}

impl Seed {
    /// That of this process.
    pub fn of_this_process() -> &'static Self {
        static SEED: LazyLock<Seed> = LazyLock::new(|| {
            let random = || RandomState::default().hash_one(0);
            Seed { own: random(), last: random() | 1, shared: SharedSeed::global_random().clone() }
        });
        &SEED
    }

    /// The hash of a stream.
    #[inline]
    pub(super) fn hash<K: KeyStream + ?Sized>(&self, key: &K) -> u64 {
        let (low, high) = self.halves(key);
        high & !LOW | low & LOW
    }

    /// The hash of a stream: the low half of the first, and the high one of the second. The low half is there sooner.
    #[inline]
    pub(super) fn halves<K: KeyStream + ?Sized>(&self, key: &K) -> (u64, u64) {
        let mut sink = HashSink(FoldHasher::with_seed(self.own, &self.shared));
        key.feed(&mut sink);
        let hash = sink.0.finish();
        (hash, hash.wrapping_mul(self.last))
    }
}

/// The low half of a hash.
const LOW: u64 = 0xFFFF_FFFF;

/// A key with its hash: the bytes of its stream.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedKey {
    hash: u64,
    bytes: Bytes,
}

impl OwnedKey {
    /// Encodes a stream.
    pub fn of<K: KeyStream + ?Sized>(key: &K) -> Self {
        let mut sink = EncodeSink(Bytes::EMPTY);
        key.feed(&mut sink);
        Self { hash: Seed::of_this_process().hash(key), bytes: sink.0 }
    }

    /// The hash, seeded per process.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The encoded stream: equal on every platform and in every process.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

impl Hash for OwnedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for OwnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes hold arguments, which may be secret.
        write!(f, "OwnedKey({:016x}, {} bytes)", self.hash, self.as_bytes().len())
    }
}

const INLINE: usize = 22;

/// The bytes of a stream; short ones without an allocation.
#[derive(Clone)]
enum Bytes {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Vec<u8>),
}

impl Bytes {
    const EMPTY: Self = Self::Inline { len: 0, bytes: [0; INLINE] };

    #[inline]
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Heap(bytes) => bytes,
        }
    }

    fn extend(&mut self, more: &[u8]) {
        match self {
            Self::Inline { len, bytes } => {
                let used = usize::from(*len);
                if let Some(free) = bytes.get_mut(used..used + more.len()) {
                    free.copy_from_slice(more);
                    // At most INLINE, which fits.
                    *len += u8::try_from(more.len()).unwrap_or(0);
                } else {
                    let mut heap = Vec::with_capacity((used + more.len()).next_power_of_two());
                    heap.extend_from_slice(&bytes[..used]);
                    heap.extend_from_slice(more);
                    *self = Self::Heap(heap);
                }
            }
            Self::Heap(bytes) => bytes.extend_from_slice(more),
        }
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Bytes {}

/// The tag of a block of bytes; a fixed-width write is tagged with its width.
pub(super) const BLOCK: u8 = 0xB;

struct EncodeSink(Bytes);

impl EncodeSink {
    #[inline]
    fn fixed<const N: usize>(&mut self, written: [u8; N]) {
        // At most 16 bytes behind the tag.
        let mut tagged = [0; 17];
        tagged[0] = tag_of::<N>();
        tagged[1..=N].copy_from_slice(&written);
        self.0.extend(&tagged[..=N]);
    }

    fn block(&mut self, written: &[u8]) {
        self.0.extend(&[BLOCK]);
        self.0.extend(&length_of(written));
        self.0.extend(written);
    }
}

impl Hasher for EncodeSink {
    portable_writes!();
}

/// The tag of a write of so many bytes.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "no integer has more than 16 bytes")]
pub(super) const fn tag_of<const N: usize>() -> u8 {
    N as u8
}

/// What stands before a block.
#[inline]
pub(super) fn length_of(block: &[u8]) -> [u8; 8] {
    (block.len() as u64).to_le_bytes()
}

/// Hashes what is written, as it is: a collision only costs a comparison.
struct HashSink<'a>(FoldHasher<'a>);

impl Hasher for HashSink<'_> {
    fn finish(&self) -> u64 {
        self.0.finish()
    }
    #[inline]
    fn write(&mut self, block: &[u8]) {
        self.0.write(block);
    }
    #[inline]
    fn write_u8(&mut self, i: u8) {
        self.0.write_u8(i);
    }
    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.0.write_u16(i);
    }
    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.0.write_u32(i);
    }
    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.0.write_u64(i);
    }
    #[inline]
    fn write_u128(&mut self, i: u128) {
        self.0.write_u128(i);
    }
    // As it is encoded, so that it can be hashed from there.
    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.0.write_u64(i as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::Stored;
    use super::*;

    fn is_hashed_alike(key: &impl KeyStream) {
        let owned = OwnedKey::of(key);
        let kept = OwnedKey::of(&Stored::of(owned.as_bytes()).expect("a key of a few bytes"));
        assert_eq!(kept, owned);
    }

    #[test]
    fn a_key_that_is_kept_has_the_hash_of_its_stream() {
        is_hashed_alike(&());
        is_hashed_alike(&(1_u8, 2_u16, 3_u32, 4_u64, 5_u128, 6_usize));
        is_hashed_alike(&(-1_i8, -2_i16, -3_i32, -4_i64, -5_i128, -6_isize));
        is_hashed_alike(&("", "text", 'c', true, Some(7), None::<u8>));
        is_hashed_alike(&(vec![1_u8, 2, 3], vec![1_u64, 2, 3], [0_u8; 300], "long ".repeat(100)));
    }
}
