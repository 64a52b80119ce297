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
/// Each bucket is a queue of eight, so all of them are one only roughly; nothing has to be linked for that. What a
/// ghost says may be wrong (another key of the same fingerprint, one in 10^4): it is advice.
#[derive(Default)]
pub(super) struct Ghosts {
    /// Newest first; zero is an empty slot.
    buckets: Vec<[u32; WAYS]>,
}

/// What is known of a key that was evicted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ghost {
    /// The ring it was evicted from.
    pub(super) from: Place,
    /// When, modulo 2^14; see [`age`].
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
        let room = self.buckets.len() * WAYS;
        if entries > room + room / 2 {
            self.buckets = vec![[0; WAYS]; entries.div_ceil(WAYS)];
        }
    }

    /// Remembers a key, and forgets the oldest of its bucket.
    pub(super) fn insert(&mut self, hash: u32, ghost: Ghost) {
        let fingerprint = fingerprint(hash);
        let Some(bucket) = self.bucket(hash) else { return };
        let time = ghost.time & TIME;
        match ghost.from {
            Place::Cold => {
                bucket.copy_within(..WAYS - 1, 1);
                bucket[0] = fingerprint | time;
            }
            // Of use for a short time only: it begins in the middle, and so pushes out less.
            Place::Hot => {
                bucket.copy_within(WAYS / 2..WAYS - 1, WAYS / 2 + 1);
                bucket[WAYS / 2] = fingerprint | HOT | time;
            }
        }
    }

    /// Forgets the key and says what was known of it.
    pub(super) fn take(&mut self, hash: u32) -> Option<Ghost> {
        let fingerprint = fingerprint(hash);
        let bucket = self.bucket(hash)?;
        let at = bucket.iter().position(|slot| slot & !MARK == fingerprint)?;
        let slot = bucket[at];
        bucket.copy_within(at + 1.., at);
        bucket[WAYS - 1] = 0;
        let from = if slot & HOT == 0 { Place::Cold } else { Place::Hot };
        Some(Ghost { from, time: slot & TIME })
    }

    /// The key's bucket, once there is room.
    fn bucket(&mut self, hash: u32) -> Option<&mut [u32; WAYS]> {
        let at = ((mix(hash) >> 32) * self.buckets.len() as u64) >> 32;
        self.buckets.get_mut(usize::try_from(at).ok()?)
    }
}

/// Never zero.
fn fingerprint(hash: u32) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
    let low = (mix(hash) >> 8) as u32;
    (low & !MARK).max(MARK + 1)
}

/// Some of a hash's bits may be the same in the whole shard: multiplied, the others reach all bits.
fn mix(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
