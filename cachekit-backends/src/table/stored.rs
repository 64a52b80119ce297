//! Keys as entries keep them, and how a stream is compared with one.
//!
//! The tag of the first write stands beside the length, in the number that is the key's [`Shape`], and the rest behind the
//! value: so one comparison is one of both, and an entry of two machine words is one of 40 bytes and no byte more, for which
//! allocators take 48 and not 64.

use std::hash::Hasher;

use super::key::{BLOCK, KeyStream, length_of, tag_of};

/// The tag of the first write, and how many bytes come behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape(u32);

/// A key as an entry keeps it.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    shape: Shape,
    rest: &'a [u8],
}

impl Shape {
    /// The number of bits of a length; those of a tag are above them.
    const BITS: u32 = 27;
    const LENGTH: u32 = (1 << Self::BITS) - 1;

    /// That of so many bytes behind a tag, which is zero for a stream without a write. None if they are too many.
    fn new(tag: u8, length: usize) -> Option<Self> {
        let length = u32::try_from(length).ok().filter(|length| *length <= Self::LENGTH)?;
        Some(Self(u32::from(tag) << Self::BITS | length))
    }

    /// The bytes behind the tag.
    #[inline]
    pub(super) fn length(self) -> usize {
        (self.0 & Self::LENGTH) as usize
    }

    #[inline]
    fn tag(self) -> u8 {
        // Below 32 by the shift.
        (self.0 >> Self::BITS) as u8
    }
}

impl<'a> Stored<'a> {
    /// The key of this shape, with the bytes behind its tag.
    #[inline]
    pub(super) fn new(shape: Shape, rest: &'a [u8]) -> Self {
        Self { shape, rest }
    }

    /// An encoded key, if it is not too long to be kept.
    pub(super) fn of(encoded: &'a [u8]) -> Option<Self> {
        let (tag, rest) = take_tag(encoded);
        Some(Self { shape: Shape::new(tag, rest.len())?, rest })
    }

    pub(super) fn shape(self) -> Shape {
        self.shape
    }

    /// The bytes behind the tag of the first write.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Whether it is what was encoded as these bytes.
    pub(super) fn is(self, encoded: &[u8]) -> bool {
        Stored::of(encoded).is_some_and(|other| self.shape == other.shape && self.rest == other.rest)
    }

    /// Whether it is this stream, encoded, exactly.
    #[inline]
    pub(super) fn matches<K: KeyStream + ?Sized>(self, key: &K) -> bool {
        // With both known, the compiler drops the bounds of keys of one size.
        let mut first = FirstSink { tag: 0, length: 0 };
        key.feed(&mut first);
        if self.rest.len() != first.length || self.shape.tag() != first.tag {
            return false;
        }
        let mut sink = MatchSink { tag: first.tag, rest: self.rest, equal: true };
        key.feed(&mut sink);
        sink.equal && sink.tag == 0
    }
}

/// A key to be compared with kept ones by who does not know its type.
pub(super) trait Matches {
    fn matches(&self, stored: Stored<'_>) -> bool;
}

impl<K: KeyStream + ?Sized> Matches for &K {
    fn matches(&self, stored: Stored<'_>) -> bool {
        stored.matches(*self)
    }
}

/// Routes all fixed-width writes of a `Hasher` to `fixed`, in their portable form, and blocks to `block`.
macro_rules! portable_writes {
    () => {
        fn finish(&self) -> u64 {
            0
        }
        #[inline]
        fn write(&mut self, block: &[u8]) {
            self.block(block);
        }
        #[inline]
        fn write_u8(&mut self, i: u8) {
            self.fixed([i]);
        }
        #[inline]
        fn write_u16(&mut self, i: u16) {
            self.fixed(i.to_le_bytes());
        }
        #[inline]
        fn write_u32(&mut self, i: u32) {
            self.fixed(i.to_le_bytes());
        }
        #[inline]
        fn write_u64(&mut self, i: u64) {
            self.fixed(i.to_le_bytes());
        }
        #[inline]
        fn write_u128(&mut self, i: u128) {
            self.fixed(i.to_le_bytes());
        }
        #[inline]
        fn write_usize(&mut self, i: usize) {
            self.fixed((i as u64).to_le_bytes());
        }
        // The signed writes of `Hasher` go through the unsigned ones; only isize would keep its native width.
        #[inline]
        fn write_isize(&mut self, i: isize) {
            self.fixed((i as i64).to_le_bytes());
        }
    };
}

pub(super) use portable_writes;

/// The tag of the first write, and how many bytes come behind it.
struct FirstSink {
    /// Zero before the first write.
    tag: u8,
    length: usize,
}

impl FirstSink {
    #[inline]
    fn add(&mut self, tag: u8, length: usize) {
        if self.tag == 0 {
            self.tag = tag;
        } else {
            self.length += 1;
        }
        self.length += length;
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, _: [u8; N]) {
        self.add(tag_of::<N>(), N);
    }

    #[inline]
    fn block(&mut self, written: &[u8]) {
        self.add(BLOCK, length_of(written).len() + written.len());
    }
}

impl Hasher for FirstSink {
    portable_writes!();
}

struct MatchSink<'a> {
    /// That of the next write; zero where there is none.
    tag: u8,
    rest: &'a [u8],
    equal: bool,
}

impl<'a> MatchSink<'a> {
    /// Goes on behind a write.
    #[inline]
    fn go_on(&mut self, rest: &'a [u8]) {
        (self.tag, self.rest) = take_tag(rest);
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, written: [u8; N]) {
        if self.equal
            && self.tag == tag_of::<N>()
            && let Some((stored, rest)) = self.rest.split_first_chunk::<N>()
            && *stored == written
        {
            self.go_on(rest);
        } else {
            self.equal = false;
        }
    }

    #[inline]
    fn block(&mut self, written: &[u8]) {
        if self.equal
            && self.tag == BLOCK
            && let Some((length, rest)) = self.rest.split_first_chunk()
            && *length == length_of(written)
            && let Some((stored, rest)) = rest.split_at_checked(written.len())
            && stored == written
        {
            self.go_on(rest);
        } else {
            self.equal = false;
        }
    }
}

impl Hasher for MatchSink<'_> {
    portable_writes!();
}

/// The tag of the next write, zero where there is none, and what is behind it.
#[inline]
fn take_tag(encoded: &[u8]) -> (u8, &[u8]) {
    encoded.split_first().map_or((0, encoded), |(tag, rest)| (*tag, rest))
}

/// To be fed once more.
impl KeyStream for Stored<'_> {
    fn feed<H: Hasher>(&self, sink: &mut H) {
        let (mut tag, mut rest) = (self.shape.tag(), self.rest);
        loop {
            let after = match tag {
                0 => return,
                1 => fed(rest, |written| sink.write_u8(u8::from_le_bytes(written))),
                2 => fed(rest, |written| sink.write_u16(u16::from_le_bytes(written))),
                4 => fed(rest, |written| sink.write_u32(u32::from_le_bytes(written))),
                8 => fed(rest, |written| sink.write_u64(u64::from_le_bytes(written))),
                16 => fed(rest, |written| sink.write_u128(u128::from_le_bytes(written))),
                _ => {
                    let mut len = 0;
                    let after = fed(rest, |written| len = u64::from_le_bytes(written));
                    let (block, after) = after.split_at(usize::try_from(len).unwrap_or(0).min(after.len()));
                    sink.write(block);
                    after
                }
            };
            (tag, rest) = take_tag(after);
        }
    }
}

/// Feeds what was written at the front; gives what is behind it.
#[inline]
fn fed<const N: usize>(encoded: &[u8], feed: impl FnOnce([u8; N])) -> &[u8] {
    let Some((written, rest)) = encoded.split_first_chunk::<N>() else { return &[] };
    feed(*written);
    rest
}

#[cfg(test)]
mod tests {
    use super::super::key::OwnedKey;
    use super::*;

    /// Calls `see` with keys of many kinds, by number; a few have the same stream.
    fn each(mut see: impl FnMut(usize, &dyn Fn(Stored<'_>) -> bool, &OwnedKey)) {
        let mut number = 0;
        macro_rules! keys {
            ($($key:expr;)*) => {$(
                let key = $key;
                see(number, &|stored| stored.matches(&key), &OwnedKey::of(&key));
                number += 1;
            )*};
        }
        keys! {
            ();
            1_u8; 1_u16; 1_u32; 1_u64; 1_u128; 2_u64;
            (1_u8, 1_u8); (1_u8, 2_u8); (1_u8, 1_u16); (1_u16, 1_u8); (1_u64, 8_u8); (1_u64, 1_u64);
            ""; "a"; "b"; "ab"; ("a", "b"); ("", "ab"); ("ab", 8_u8); (8_u8, "ab");
            [1_u8, 2]; [1_u16, 2]; vec![1_u8, 2]; vec![0_u8; 300];
            Some(1_u8); None::<u8>; 'a'; true;
        }
        assert!(number > 0);
    }

    #[test]
    fn a_key_is_matched_by_its_own_stream_alone() {
        each(|number, _, owned| {
            let stored = Stored::of(owned.as_bytes()).expect("a key of a few bytes");
            each(|other, matches, bytes| {
                let is_same = owned == bytes;
                assert!(is_same || number != other, "key {number} is not itself");
                assert_eq!(matches(stored), is_same, "key {number} and stream {other}");
                assert_eq!(stored.is(bytes.as_bytes()), is_same, "key {number} and bytes {other}");
            });
        });
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let bytes = vec![BLOCK; Shape::LENGTH as usize + 2];
        assert!(Stored::of(&bytes).is_none());
        let longest = Stored::of(&bytes[1..]).expect("the longest key");
        assert_eq!((longest.shape().tag(), longest.shape().length()), (BLOCK, Shape::LENGTH as usize));
    }
}
