//! The policy in a shard of keys without values, against what a cache should do.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};

use super::ghosts::{Ghost, Ghosts, age};
use super::ring::{Place, Rings};
use super::{Hand, MOST_LOOKS, MOST_USES, Policy, Uses};

/// A shard: keys under ids that are used again, counters, and how much the policy looked at.
struct Shard {
    policy: Policy,
    capacity: usize,
    ids: HashMap<u32, u32>,
    entries: Entries,
    free: Vec<u32>,
    most_looks: usize,
}

#[derive(Default)]
struct Entries {
    keys: Vec<u32>,
    uses: Vec<Cell<u8>>,
    looks: Cell<usize>,
}

impl Uses for Entries {
    fn uses(&self, id: u32) -> u8 {
        self.looks.set(self.looks.get() + 1);
        self.uses[id as usize].get()
    }

    fn set_uses(&self, id: u32, uses: u8) {
        self.uses[id as usize].set(uses);
    }

    fn hash(&self, id: u32) -> u32 {
        hash(self.keys[id as usize])
    }
}

impl Shard {
    fn new(capacity: usize) -> Self {
        Self {
            policy: Policy::new(capacity),
            capacity,
            ids: HashMap::new(),
            entries: Entries::default(),
            free: Vec::new(),
            most_looks: 0,
        }
    }

    /// Uses the key, or stores it; says whether it was there.
    fn get(&mut self, key: u32) -> bool {
        if let Some(&id) = self.ids.get(&key) {
            let uses = &self.entries.uses[id as usize];
            uses.set((uses.get() + 1).min(MOST_USES));
            return true;
        }
        let id = self.insert(key);
        if self.ids.len() > self.capacity {
            self.evict(id);
        }
        false
    }

    fn insert(&mut self, key: u32) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.entries.keys.push(0);
            self.entries.uses.push(Cell::new(0));
            u32::try_from(self.entries.keys.len() - 1).unwrap()
        });
        self.entries.keys[id as usize] = key;
        self.entries.uses[id as usize].set(0);
        assert_eq!(self.ids.insert(key, id), None);
        self.policy.insert(id, hash(key));
        id
    }

    fn evict(&mut self, newest: u32) -> u32 {
        self.entries.looks.set(0);
        let (id, hash) = self.policy.evict(&self.entries, newest).expect("something to evict");
        assert_eq!(hash, self.entries.hash(id));
        self.most_looks = self.most_looks.max(self.entries.looks.get());
        self.gone(id);
        id
    }

    fn remove(&mut self, key: u32) {
        if let Some(&id) = self.ids.get(&key) {
            self.policy.remove(id);
            self.gone(id);
        }
    }

    fn gone(&mut self, id: u32) {
        let key = self.entries.keys[id as usize];
        assert_eq!(self.ids.remove(&key), Some(id), "what goes is there");
        self.free.push(id);
    }

    fn hits(&mut self, keys: impl IntoIterator<Item = u32>) -> f64 {
        let (mut hits, mut all) = (0_u32, 0_u32);
        for key in keys {
            hits += u32::from(self.get(key));
            all += 1;
        }
        f64::from(hits) / f64::from(all)
    }

    fn held(&self, keys: impl IntoIterator<Item = u32>) -> usize {
        keys.into_iter().filter(|key| self.ids.contains_key(key)).count()
    }
}

fn hash(key: u32) -> u32 {
    let mixed = u64::from(key).wrapping_add(1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32) as u32
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }
}

/// Ranks by Zipf's law with exponent 1.
fn zipf(random: &mut Random, keys: u32, count: usize) -> Vec<u32> {
    let mut sum = 0.0;
    let shares: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        })
        .collect();
    let draw = |_| {
        let point = f64::from(random.next()) / f64::from(u32::MAX) * sum;
        u32::try_from(shares.partition_point(|&share| share < point)).unwrap().min(keys - 1)
    };
    (0..count).map(draw).collect()
}

/// What an LRU of the same capacity hits.
fn lru(capacity: usize, keys: &[u32]) -> f64 {
    let mut last = HashMap::new();
    let mut order = VecDeque::new();
    let mut hits = 0_u32;
    for (now, &key) in keys.iter().enumerate() {
        hits += u32::from(last.insert(key, now).is_some());
        order.push_back((key, now));
        while last.len() > capacity {
            let (key, then) = order.pop_front().unwrap();
            if last[&key] == then {
                last.remove(&key);
            }
        }
    }
    f64::from(hits) / f64::from(u32::try_from(keys.len()).unwrap())
}

#[test]
fn a_scan_leaves_what_is_used() {
    let mut shard = Shard::new(1000);
    for _ in 0..10 {
        shard.hits(0..800);
    }
    shard.hits(10_000..30_000);
    assert!(shard.held(0..800) >= 780, "{} of 800 left", shard.held(0..800));
}

#[test]
fn what_is_used_displaces_a_scan() {
    let mut shard = Shard::new(1000);
    shard.hits(10_000..20_000);
    for round in 0..20 {
        // Asked for again before the shard is replaced once, each time among as many keys asked for once.
        for key in 0..400 {
            shard.get(key);
            shard.get(20_000 + round * 400 + key);
        }
    }
    assert!(shard.held(0..400) >= 390, "{} of 400 there", shard.held(0..400));
}

#[test]
fn a_loop_larger_than_the_shard_hits_nearly_what_fits() {
    for (keys, least) in [(5000, 0.18), (2000, 0.45), (1250, 0.70), (1010, 0.88)] {
        let mut shard = Shard::new(1000);
        let hits = shard.hits((0..keys * 30).map(|turn| turn % keys));
        assert!(hits > least, "{hits:.3} of a loop over {keys}");
    }
}

#[test]
fn zipf_hits_more_than_an_lru() {
    for seed in 1..4 {
        let keys = zipf(&mut Random(seed), 20_000, 50_000);
        for capacity in [50, 200, 1000] {
            let (ours, lru) = (Shard::new(capacity).hits(keys.iter().copied()), lru(capacity, &keys));
            assert!(ours > lru + 0.02, "seed {seed}, {capacity}: {ours:.3}, LRU {lru:.3}");
        }
    }
}

#[test]
fn uses_shortly_after_one_another_hit_as_in_an_lru() {
    // Each key is asked for four times within a tenth of the capacity, and then no more.
    let keys: Vec<u32> = (0..50_000_u32)
        .map(|turn| (turn / 4).wrapping_sub([0, 20, 50, 90][turn as usize % 4]).min(1 << 20))
        .collect();
    let (ours, lru) = (Shard::new(1000).hits(keys.iter().copied()), lru(1000, &keys));
    assert!(ours > lru - 0.05, "{ours:.3}, LRU {lru:.3}");
}

/// Each key is asked for three times within a tenth of 1000, and then no more.
fn short_uses() -> impl Iterator<Item = u32> {
    (300..60_000).map(|turn: u32| 1_000_000 + turn / 3 - [0, 30, 90][turn as usize % 3])
}

#[test]
fn the_cold_ring_grows_for_short_uses_and_shrinks_when_hot_entries_are_missed() {
    let mut shard = Shard::new(1000);
    shard.hits(short_uses());
    let grown = shard.policy.cold;
    assert!(grown > 50, "{grown}");
    // Too large a cold ring costs a loop hot entries, which it asks for as soon as they went.
    shard.hits((0..30_000).map(|turn| turn % 1050));
    assert!(shard.policy.cold < grown, "{} of {grown}", shard.policy.cold);
}

#[test]
fn the_cold_ring_shrinks_when_no_ghost_tells_anything() {
    let mut shard = Shard::new(1000);
    shard.hits(short_uses());
    let grown = shard.policy.cold;
    shard.hits((0..150_000).map(|turn| turn % 5000));
    assert_eq!(shard.policy.cold, 10, "of {grown}");
}

#[test]
fn a_new_hot_set_takes_over() {
    for (set, rounds) in [(400, 4), (900, 9)] {
        let mut shard = Shard::new(1000);
        for _ in 0..50 {
            shard.hits(0..set);
        }
        for _ in 0..rounds {
            shard.hits(5000..5000 + set);
        }
        let hits = shard.hits(5000..5000 + set);
        assert!(hits > 0.95, "{hits:.3} of {set} after {rounds} rounds");
    }
}

#[test]
fn a_hot_set_nobody_asks_for_goes_even_when_no_ghost_tells() {
    let mut shard = Shard::new(100);
    for _ in 0..50 {
        shard.hits(0..100);
    }
    // Of a loop four times the capacity, nothing is seen again while it is remembered.
    let around = |turns: u32| (0..turns).map(|turn| 1000 + turn % 400);
    shard.hits(around(100 * 70));
    assert!(shard.held(0..100) <= 10, "{} left", shard.held(0..100));
    let hits = shard.hits(around(20_000));
    assert!(hits > 0.2, "{hits:.3} of a loop four times the capacity");
}

#[test]
fn an_eviction_looks_at_few_entries() {
    let mut shard = Shard::new(5000);
    for _ in 0..5 {
        shard.hits(0..5000);
    }
    // All are used as much as can be counted.
    for round in 0..20 {
        shard.hits(10_000 + round * 100..10_000 + round * 100 + 100);
        shard.hits(0..5000);
    }
    assert!(shard.most_looks > 1, "the hand had to pass used entries");
    assert!(shard.most_looks <= MOST_LOOKS + 1, "{} looked at", shard.most_looks);
}

#[test]
fn the_newest_stays_unless_it_is_alone() {
    let mut shard = Shard::new(1);
    let first = shard.insert(1);
    assert_eq!(shard.evict(first), first);
    assert_eq!(shard.policy.evict(&shard.entries, 0), None);

    shard.insert(1);
    for key in 2..50 {
        let newest = shard.insert(key);
        shard.evict(newest);
        assert_eq!(shard.held([key]), 1);
    }
}

#[test]
fn the_newest_stays_when_all_others_are_in_use() {
    let mut shard = Shard::new(10);
    for _ in 0..3 {
        shard.hits(0..4);
    }
    let newest = shard.insert(9);
    shard.evict(newest);
    assert_eq!(shard.held([9]), 1);
}

#[test]
fn what_comes_and_goes_is_what_the_policy_holds() {
    for (seed, capacity) in [(1, 1), (2, 2), (3, 16), (4, 100), (5, 1000)] {
        let mut random = Random(seed);
        let mut shard = Shard::new(capacity);
        let keys = u32::try_from(capacity).unwrap() * 3;
        for _ in 0..10_000 {
            match random.below(100) {
                0..90 => drop(shard.get(random.below(keys).min(random.below(keys)))),
                90..99 => shard.remove(random.below(keys)),
                // The shard shrinks, as when another one of the table grew.
                _ if shard.ids.len() > 1 => drop(shard.evict(u32::MAX)),
                _ => {}
            }
            assert_eq!(shard.policy.len(), shard.ids.len());
        }
        // Each goes once, and then there is none.
        let left: HashSet<u32> = shard.ids.values().copied().collect();
        let gone: HashSet<u32> = (0..left.len()).map(|_| shard.evict(u32::MAX)).collect();
        assert_eq!(gone, left);
        assert_eq!(shard.policy.evict(&shard.entries, 0), None);
    }
}

#[test]
fn an_entry_the_policy_does_not_hold_is_no_matter() {
    let mut shard = Shard::new(10);
    shard.policy.remove(7);
    let id = shard.insert(1);
    shard.policy.remove(id);
    shard.policy.remove(id);
    assert_eq!(shard.policy.len(), 0);
}

#[test]
fn expired_entries_make_room_for_hot_ones() {
    let mut shard = Shard::new(1000);
    shard.hits(0..2000);
    for key in 0..2000 {
        shard.remove(key);
    }
    // As in a new shard: a set that fits is kept when a scan follows, though nothing was used twice yet.
    shard.hits(5000..5900);
    shard.hits(10_000..12_000);
    assert!(shard.held(5000..5900) >= 850, "{} left", shard.held(5000..5900));
}

#[test]
fn a_ghost_is_remembered_once_and_the_oldest_forgotten_first() {
    let mut ghosts = Ghosts::default();
    assert_eq!(ghosts.take(1), None, "without room nothing is remembered");
    ghosts.fit(1000);
    let evicted = |time| Ghost { from: if time % 5 == 0 { Place::Hot } else { Place::Cold }, time };
    for time in 0..3000 {
        ghosts.insert(hash(time), evicted(time));
    }
    let mut found = |times: std::ops::Range<u32>| {
        times.filter(|&time| ghosts.take(hash(time)) == Some(evicted(time))).count()
    };
    assert!(found(2700..3000) >= 280);
    assert!(found(0..1000) <= 10);
    assert_eq!(found(2700..3000), 0, "taken");
}

#[test]
fn the_age_of_a_ghost_is_right_across_the_end_of_its_clock() {
    assert_eq!(age(5, 2), 3);
    assert_eq!(age(1 << 14, (1 << 14) - 1), 1);
    assert_eq!(age(2, (1 << 14) - 1), 3);
}

#[test]
fn the_hand_knows_how_long_a_round_took() {
    for (capacity, len) in [(1, 1), (14, 14), (100, 99), (250, 247), (1000, 400), (5000, 4950)] {
        let mut hand = Hand::new(capacity);
        let mut random = Random(1);
        let mut pushed = VecDeque::from(vec![0; len]);
        let mut now = 0;
        for _ in 0..len * 10 {
            now += random.below(4);
            hand.pushed(now);
            pushed.push_back(now);
            pushed.pop_front();
            let (truth, age) = (now - pushed[0], hand.age(now, len));
            assert!(age <= truth, "{capacity}, {len}: {age} instead of {truth}");
            assert!(age + 4 * (capacity / 16 + 2) >= truth, "{capacity}, {len}: {age} instead of {truth}");
        }
    }
}

#[test]
fn a_ring_is_a_queue_from_which_any_may_go() {
    let mut rings = Rings::default();
    for id in [4, 0, 2] {
        rings.push(Place::Hot, id);
        rings.push(Place::Cold, id + 1);
    }
    rings.turn(Place::Hot);
    assert_eq!(rings.remove(0), Some(Place::Hot));
    assert_eq!(rings.remove(0), None);
    let mut order = Vec::new();
    while let Some(id) = rings.front(Place::Hot) {
        assert_eq!(rings.remove(id), Some(Place::Hot));
        order.push(id);
    }
    assert_eq!((order, rings.len(Place::Hot), rings.len(Place::Cold)), (vec![2, 4], 0, 3));
    assert_eq!(rings.front(Place::Cold), Some(5));
}
