//! Which entry of a shard goes when there are too many.
//!
//! New entries wait in a small *cold* ring; those that are used there, or missed soon after they left, move to the
//! *hot* ring, which a clock hand turns (an entry used since the hand passed stays). A scan or a loop so passes through
//! the cold ring and leaves the hot one alone. The rest is three decisions, the first two by what ghosts (fingerprints
//! of what was evicted) tell:
//!
//! * how large the cold ring is: an entry missed just after it left the cold ring says that it is too small, one missed
//!   just after it left the hot ring that it is too large;
//! * whether an entry that is missed again is hot: when it came back sooner than the hand comes round, so that it is
//!   used more often than the hot entries the hand finds unused;
//! * when a hot entry is dead: when nobody used it for many times the time it takes to replace the whole shard.
//!
//! The clock of it all is the number of evictions. An eviction looks at one or two entries, at most at
//! [`MOST_LOOKS`]. Memory: eight bytes for an entry's links and four for a ghost, of which there are as many as entries.

mod ghosts;
mod ring;
#[cfg(test)]
mod tests;

use self::ghosts::{Ghost, Ghosts, age};
use self::ring::{Place, Rings};

/// Uses an entry counts: more tell nothing more, and the more it counts, the longer the hand needs to see that a hot
/// set is no longer used.
pub(super) const MOST_USES: u8 = 2;

/// Uses in the cold ring that make an entry hot: one may be the tail of what brought it.
const HOT_USES: u8 = 2;
/// Entries one eviction looks at, besides one that may be dead, before it takes what is there.
const MOST_LOOKS: usize = 16;
/// A hot entry is looked at, and goes if it was not used, at least once in so many evictions for each of the shard's
/// entries.
const IDLE: u32 = 32;
/// Evictions after which the cold ring gives up one entry of what it grew by, so that it is small again when no ghost
/// tells anything.
const RELAX: u32 = 256;
/// The largest capacity reckoned with: times [`IDLE`] it still is a u32.
const MOST_ENTRIES: u32 = u32::MAX / IDLE;

/// What the policy may ask of an entry.
pub(super) trait Uses {
    /// Uses since it was last reset, saturated at [`MOST_USES`].
    fn uses(&self, id: u32) -> u8;
    fn set_uses(&self, id: u32, uses: u8);
    /// 32 bits of the hash of its key.
    fn hash(&self, id: u32) -> u32;
}

/// The order of eviction of one shard. Entries are known by small ids, below 2^31; an id is free again once
/// [`remove`](Self::remove) or [`evict`](Self::evict) gave it back.
pub(super) struct Policy {
    rings: Rings,
    ghosts: Ghosts,
    /// About how many entries the shard holds when it is full: what its capacity says until something is evicted.
    full: usize,
    /// The size the cold ring should have: between a hundredth and half of the capacity.
    cold: usize,
    /// Evictions so far, wrapping: the policy's clock.
    evictions: u32,
    /// Those of hot entries.
    hot_evictions: u32,
    hand: Hand,
    /// A dead entry left the hot ring: the next new one takes its place, for want of a better.
    vacant: bool,
    capacity: u32,
    /// Evictions in one unit of a ghost's time: two to this.
    unit_bits: u32,
}

impl Policy {
    /// `capacity`: about how many entries the shard may hold.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = u32::try_from(capacity).unwrap_or(MOST_ENTRIES).clamp(1, MOST_ENTRIES);
        Self {
            rings: Rings::default(),
            ghosts: Ghosts::default(),
            full: capacity as usize,
            cold: least_cold(capacity),
            evictions: 0,
            hot_evictions: 0,
            hand: Hand::new(capacity),
            vacant: false,
            capacity,
            unit_bits: (capacity / 1024).max(1).ilog2(),
        }
    }

    /// A new entry. Its counter is 0.
    pub(super) fn insert(&mut self, id: u32, hash: u32) {
        let hot = self.returns_hot(hash) || self.fills_hot() || self.vacant;
        self.vacant = false;
        self.push(if hot { Place::Hot } else { Place::Cold }, id);
    }

    /// The entry went for another reason (expired, invalidated).
    pub(super) fn remove(&mut self, id: u32) {
        self.rings.remove(id);
    }

    /// The entry to evict now, and its hash; it is removed from the policy and remembered as a ghost. Never `newest` unless
    /// it is alone. None if there is none.
    pub(super) fn evict(&mut self, uses: &impl Uses, newest: u32) -> Option<(u32, u32)> {
        self.evictions = self.evictions.wrapping_add(1);
        if self.evictions.is_multiple_of(RELAX) {
            self.shrink_cold(1);
        }
        let victim = self.choose(uses, newest)?;
        let from = self.rings.remove(victim)?;
        self.full = self.len();
        if from == Place::Hot {
            self.hot_evictions = self.hot_evictions.wrapping_add(1);
        }
        self.ghosts.fit(self.full);
        let hash = uses.hash(victim);
        self.ghosts.insert(hash, Ghost { from, time: self.time(from) });
        Some((victim, hash))
    }

    fn len(&self) -> usize {
        self.rings.len(Place::Cold) + self.rings.len(Place::Hot)
    }

    fn push(&mut self, place: Place, id: u32) {
        self.rings.push(place, id);
        if place == Place::Hot {
            self.hand.pushed(self.evictions);
        }
    }

    /// While the shard fills up, entries are hot up to the share of the hot ring: a set that fits should not be
    /// evicted from a small cold ring later.
    fn fills_hot(&self) -> bool {
        self.len() < self.full && self.rings.len(Place::Hot) + self.cold < self.full
    }

    /// Learns from the ghost of the key, if there is one, and says whether its entry is hot.
    fn returns_hot(&mut self, hash: u32) -> bool {
        let Some(ghost) = self.ghosts.take(hash) else { return false };
        let away = age(self.time(ghost.from), ghost.time) << self.unit_bits;
        match ghost.from {
            // Twice the weight at half the distance: per entry that the ring would have to grow, the same.
            Place::Hot => {
                if away < self.capacity.div_ceil(32) {
                    self.shrink_cold(2);
                }
                false
            }
            Place::Cold => {
                if away < self.capacity.div_ceil(16) {
                    self.cold = (self.cold + 1).min(most_cold(self.capacity));
                }
                let between_uses = away as usize + self.rings.len(Place::Cold);
                let round = self.hand.age(self.evictions, self.rings.len(Place::Hot)) as usize;
                between_uses < round - round / 5
            }
        }
    }

    fn shrink_cold(&mut self, by: usize) {
        self.cold = self.cold.saturating_sub(by).max(least_cold(self.capacity));
    }

    fn choose(&mut self, uses: &impl Uses, newest: u32) -> Option<u32> {
        if let Some(dead) = self.dead(uses, newest) {
            self.vacant = true;
            return Some(dead);
        }
        for _ in 0..MOST_LOOKS {
            let (place, id) = self.candidate(newest)?;
            match (place, uses.uses(id)) {
                (Place::Cold, HOT_USES..) => {
                    uses.set_uses(id, 0);
                    self.rings.remove(id);
                    self.push(Place::Hot, id);
                }
                (Place::Hot, count @ 1..) => {
                    uses.set_uses(id, count - 1);
                    self.turn_hot();
                }
                _ => return Some(id),
            }
        }
        // All were in use: rather one that waits, who has shown the least.
        let waiting = self.rings.front(Place::Cold).filter(|id| *id != newest);
        waiting.or_else(|| self.candidate(newest).map(|(_, id)| id))
    }

    /// The front of the cold ring if that is large enough, else of the hot one; not `newest` unless it is alone.
    fn candidate(&mut self, newest: u32) -> Option<(Place, u32)> {
        let (cold, hot) = (self.rings.len(Place::Cold), self.rings.len(Place::Hot));
        let mut place = if cold > self.cold || hot == 0 { Place::Cold } else { Place::Hot };
        if self.rings.front(place) == Some(newest) {
            match (place, self.rings.len(place), cold + hot) {
                (_, _, 1) => {}
                (Place::Cold, 1, _) => place = Place::Hot,
                (Place::Hot, 1, _) => place = Place::Cold,
                (Place::Cold, ..) => self.rings.turn(Place::Cold),
                (Place::Hot, ..) => self.turn_hot(),
            }
        }
        self.rings.front(place).map(|id| (place, id))
    }

    /// The hot entry at the front if nobody used it for so long that it is only in the way, whatever the cold ring
    /// does. Without this a hot set that is never asked for again would stay while a loop larger than the cold ring
    /// and the ghosts runs.
    fn dead(&mut self, uses: &impl Uses, newest: u32) -> Option<u32> {
        let id = self.rings.front(Place::Hot).filter(|id| *id != newest)?;
        if self.hand.age(self.evictions, self.rings.len(Place::Hot)) < IDLE * self.capacity {
            return None;
        }
        if uses.uses(id) == 0 {
            return Some(id);
        }
        uses.set_uses(id, 0);
        self.turn_hot();
        None
    }

    fn turn_hot(&mut self) {
        self.rings.turn(Place::Hot);
        self.hand.pushed(self.evictions);
    }

    /// The clock that ghosts of a ring follow, in units of about a thousandth of the capacity.
    fn time(&self, place: Place) -> u32 {
        let evictions = if place == Place::Hot { self.hot_evictions } else { self.evictions };
        evictions >> self.unit_bits
    }
}

fn least_cold(capacity: u32) -> usize {
    (capacity as usize / 100).max(1)
}

fn most_cold(capacity: u32) -> usize {
    (capacity as usize / 2).max(1)
}

/// Twice those needed, for a shard that holds more than its capacity says.
const MARKS: usize = 64;

/// When the entries of the hot ring were put or turned to its back: not one by one, but a mark for every few.
struct Hand {
    marks: [u32; MARKS],
    pushes: usize,
    /// Pushes from one mark to the next: two to this.
    stride_bits: u32,
}

impl Hand {
    fn new(capacity: u32) -> Self {
        let stride = (capacity as usize / 32 + 1).next_power_of_two();
        Self { marks: [0; MARKS], pushes: 0, stride_bits: stride.ilog2() }
    }

    fn pushed(&mut self, now: u32) {
        self.pushes = self.pushes.wrapping_add(1);
        // Within a stride the same mark is overwritten: at its end it says when its last push was.
        self.marks[(self.pushes >> self.stride_bits) % MARKS] = now;
    }

    /// Evictions since the front of a ring of `len` entries was its back, `len - 1` pushes before the last; or somewhat
    /// less.
    fn age(&self, now: u32, len: usize) -> u32 {
        let front = self.pushes.wrapping_sub(len.saturating_sub(1));
        now.wrapping_sub(self.marks[(front >> self.stride_bits) % MARKS])
    }
}
