//! What was evicted lately: four bytes a ghost, about one ghost for each entry.

use super::ring::Place;

/// Ghosts in a bucket: what a look-up reads, half a cache line.
const WAYS: usize = 8;
const TIME_BITS: u32 = 14;
const TIME: u32 = (1 << TIME_BITS) - 1;
const HOT: u32 = 1 << TIME_BITS;
const MARK: u32 = TIME | HOT;

/// Fingerprints of evicted keys: 17 bits of the hash, from which ring it went, and when.
///
/// A full bucket forgets its oldest, so this is a queue only roughly; nothing has to be linked for that. What a ghost
/// says may be wrong (another key of the same fingerprint, one in 10^4): it is advice.
#[derive(Default)]
pub(super) struct Ghosts {
    /// Zero is an empty slot.
    slots: Vec<u32>,
}

/// What is known of a key that was evicted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ghost {
    /// The ring it was evicted from.
    pub(super) from: Place,
    /// When, in the units and modulo the range of [`Ghosts::insert`].
    pub(super) time: u32,
}

/// How long ago `time` was, modulo 2^14.
pub(super) fn age(now: u32, time: u32) -> u32 {
    now.wrapping_sub(time) & TIME
}

impl Ghosts {
    /// Makes room for about as many ghosts as there are entries. What was remembered is lost when it grows, which is
    /// seldom: the number of entries has to have grown by half.
    pub(super) fn fit(&mut self, entries: usize) {
        if entries > self.slots.len() + self.slots.len() / 2 {
            self.slots = vec![0; entries.div_ceil(WAYS) * WAYS];
        }
    }

    /// Remembers a key; `now` counts evictions of each ring, `older` tells which of two ghosts to forget.
    pub(super) fn insert(&mut self, hash: u32, ghost: Ghost, staleness: impl Fn(Ghost) -> u32) {
        let (bucket, fingerprint) = self.find(hash);
        let victim = bucket.iter_mut().max_by_key(|slot| match **slot {
            0 => u32::MAX,
            slot => staleness(unpack(slot)),
        });
        if let Some(slot) = victim {
            let from = if ghost.from == Place::Hot { HOT } else { 0 };
            *slot = fingerprint | from | (ghost.time & TIME);
        }
    }

    /// Forgets the key and says what was known of it.
    pub(super) fn take(&mut self, hash: u32) -> Option<Ghost> {
        let (bucket, fingerprint) = self.find(hash);
        let slot = bucket.iter_mut().find(|slot| **slot & !MARK == fingerprint)?;
        Some(unpack(std::mem::take(slot)))
    }

    /// The key's bucket (empty before there is room) and its fingerprint, which is never zero.
    fn find(&mut self, hash: u32) -> (&mut [u32], u32) {
        // Some of the hash's bits may be the same in the whole shard: multiplied, the others reach all bits.
        let mixed = u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let fingerprint = (low(mixed >> 8) & !MARK).max(MARK + 1);
        let buckets = (self.slots.len() / WAYS) as u64;
        let start = (((mixed >> 32) * buckets) >> 32) as usize * WAYS;
        let end = self.slots.len().min(start + WAYS);
        (&mut self.slots[start..end], fingerprint)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
fn low(bits: u64) -> u32 {
    bits as u32
}

fn unpack(slot: u32) -> Ghost {
    let from = if slot & HOT == 0 { Place::Cold } else { Place::Hot };
    Ghost { from, time: slot & TIME }
}
