//! 10^6 mutated entries: none is served, none panics, none takes memory.
//!
//! Each mutation is put in the place of an entry, and the memoized function or the cache is asked for it. It is accepted
//! if a value comes back that was not computed just then. `CACHEKIT_MUTATIONS` sets another number.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use cachekit::{Cache, CacheBuilder, Compression, Json, Refusals, Seal, memoize};

use crate::helper::{HEAD, Parts, Shelf, hex, lz4_bomb, with, with_checksum, zstd_bomb};
use crate::memory::peak;

/// The most that a value may be once it is decompressed.
const LIMIT: usize = 16 << 10;

/// The most memory that one call may take: the entries are below a kilobyte, bombs below four.
const MEMORY: usize = 64 << 10;

thread_local! {
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
}

fn text(n: u64) -> String {
    COMPUTED.set(COMPUTED.get() + 1);
    format!("value {n} ").repeat(usize::try_from(n).unwrap() % 30 + 1)
}

#[memoize]
fn by_call(n: u64) -> String {
    text(n)
}

#[memoize(make_cache_key = |n| format!("own-{n}"))]
fn by_own_key(n: u64) -> String {
    text(n)
}

/// The same key as [`by_own_key`], another type.
#[memoize(make_cache_key = |n| format!("own-{n}"))]
fn of_other_type(n: u64) -> Vec<u64> {
    vec![n; 5]
}

/// Who asks for an entry.
#[derive(Clone, Copy, Debug)]
enum Door {
    Call,
    OwnKey,
    Get,
}

impl Door {
    fn key(self, n: u64) -> String {
        match self {
            Self::Call => by_call::make_cache_key(n),
            Self::OwnKey => by_own_key::make_cache_key(n),
            Self::Get => format!("text-{n}"),
        }
    }

    /// Stores the value where there is none.
    fn store(self, cache: &Cache, n: u64) {
        match self {
            Self::Call => drop(by_call(n)),
            Self::OwnKey => drop(by_own_key(n)),
            Self::Get => cache.set(&self.key(n), &text(n), 60).unwrap(),
        }
    }

    /// Whether the store's value is served: to a call, which computes and stores it again if not, or to a look.
    fn serves(self, cache: &Cache, n: u64, call: bool) -> bool {
        let before = COMPUTED.get();
        match (self, call) {
            (Self::Call, true) => by_call(n).is_empty() || COMPUTED.get() == before,
            (Self::OwnKey, true) => by_own_key(n).is_empty() || COMPUTED.get() == before,
            (Self::Call, false) => by_call::peek(n).is_some(),
            (Self::OwnKey, false) => by_own_key::peek(n).is_some(),
            (Self::Get, _) => cache.get::<String>(&self.key(n)).unwrap().is_some(),
        }
    }
}

/// What is mutated: the entries of one cache.
struct Subject {
    cache: Cache,
    shelf: Shelf,
    door: Door,
    sealed: bool,
    /// Their numbers, keys and bytes.
    entries: Vec<(u64, String, Vec<u8>)>,
}

const ENTRIES: std::ops::Range<u64> = 1..30;

impl Subject {
    fn new(door: Door, build: fn(CacheBuilder) -> CacheBuilder) -> Self {
        let shelf = Shelf::default();
        let cache = shelf.cache(|builder| build(builder.compress(Compression::none().limit(LIMIT))));
        let stored = |n| {
            let key = cache.backend_key(&door.key(n));
            door.store(&cache, n);
            let bytes = shelf.get(&key).unwrap();
            assert!(
                [true, false].iter().all(|call| door.serves(&cache, n, *call)),
                "what was stored is served"
            );
            (n, key, bytes)
        };
        let entries: Vec<_> = with(&cache, || ENTRIES.map(stored).collect());
        let sealed = entries[0].2[3] >> 4 != 0;
        Self { cache, shelf, door, sealed, entries }
    }
}

fn subjects() -> Vec<Subject> {
    fn hmac(secret: u8) -> Seal {
        Seal::hmac([("k", [secret; 32])]).unwrap()
    }
    fn aead(secret: u8) -> Seal {
        Seal::aead([("k", [secret; 32])]).unwrap()
    }
    fn lz4() -> Compression {
        Compression::lz4().above(50)
    }
    fn zstd() -> Compression {
        Compression::zstd().above(50)
    }
    // Prefixes and secrets differ, so that no entry of one is one of another.
    vec![
        Subject::new(Door::Call, |builder| builder),
        Subject::new(Door::Call, |builder| builder.codec(Json).key_prefix("app:")),
        Subject::new(Door::OwnKey, |builder| builder),
        Subject::new(Door::Get, |builder| builder),
        Subject::new(Door::Call, |builder| builder.compress(lz4())),
        Subject::new(Door::Get, |builder| builder.compress(zstd()).key_prefix("a:")),
        Subject::new(Door::Call, |builder| builder.seal(hmac(1))),
        Subject::new(Door::OwnKey, |builder| builder.seal(aead(2))),
        Subject::new(Door::Get, |builder| builder.seal(hmac(3)).compress(lz4())),
        Subject::new(Door::Call, |builder| builder.seal(aead(4)).compress(zstd())),
    ]
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..=self.below(longest)).map(|_| self.byte()).collect()
    }
}

const KINDS: [&str; 14] = [
    "a bit flipped",
    "bytes changed",
    "cut at the end",
    "cut at the front",
    "cut out",
    "extended",
    "inserted",
    "spliced with another entry",
    "moved from another key",
    "moved from another cache",
    "of another type",
    "of another version",
    "with other lengths",
    "a bomb",
];

/// An entry changed in one way, which may come out as it was.
fn mutated(kind: usize, random: &mut Random, all: &[Subject], subject: &Subject, at: usize) -> Vec<u8> {
    let (_, key, entry) = &subject.entries[at];
    let mut bytes = entry.clone();
    let somewhere = random.below(bytes.len());
    let other = &subject.entries[random.below(subject.entries.len())];
    // Where only a checksum protects, somebody who can sum up is no accident; but what has another form is still
    // nothing that may be taken for a value.
    let summed = |bytes: &[u8]| {
        let covered = &bytes[..bytes.len() - 8];
        if subject.sealed { bytes.to_vec() } else { with_checksum(key, covered) }
    };
    match KINDS[kind] {
        "a bit flipped" => bytes[somewhere] ^= 1 << random.below(8),
        "bytes changed" => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] = random.byte();
            }
        }
        "cut at the end" => bytes.truncate(somewhere),
        "cut at the front" => drop(bytes.drain(..=somewhere)),
        "cut out" => {
            let end = (somewhere + 1 + random.below(16)).min(bytes.len());
            bytes.drain(somewhere..end);
        }
        "extended" => bytes.extend(random.bytes(64)),
        "inserted" => drop(bytes.splice(somewhere..somewhere, random.bytes(16))),
        "spliced with another entry" => {
            bytes.truncate(somewhere);
            bytes.extend(&other.2[somewhere.min(other.2.len())..]);
        }
        "moved from another key" => bytes.clone_from(&other.2),
        "moved from another cache" => {
            let other = &all[random.below(all.len())];
            bytes.clone_from(&other.entries[at].2);
        }
        "of another type" => {
            let user = &subject.cache;
            let name = subject.door.key(subject.entries[at].0);
            let own_key = usize::from(matches!(subject.door, Door::OwnKey));
            match random.below(2 + own_key) {
                0 => user.set(&name, &vec![random.next()], 60).unwrap(),
                1 => user.set(&name, &random.next().to_string().into_bytes(), 60).unwrap(),
                _ => {
                    of_other_type(subject.entries[at].0);
                }
            }
            bytes = subject.shelf.get(key).unwrap();
        }
        "of another version" => {
            // The format, a flag that nobody knows, or another codec.
            match random.below(3) {
                0 => bytes[2] = random.byte(),
                1 => bytes[3] |= 1 << (3 + 4 * random.below(2)),
                _ => bytes[4] = 128 | random.byte(),
            }
            bytes = summed(&bytes);
        }
        "with other lengths" => {
            let parts = Parts::of(&bytes);
            let places = [
                parts.stamps.start.saturating_sub(1),
                parts.owner.start.saturating_sub(2),
                parts.length.start,
                parts.more.start.saturating_sub(1),
                parts.tags.start,
            ];
            let place = places[random.below(5)].max(HEAD);
            let end = (place + 1 + random.below(8)).min(bytes.len());
            let fill = [0, 0xFF, 0x7F, random.byte()][random.below(4)];
            bytes[place..end].fill(fill);
            bytes = summed(&bytes);
        }
        _ => {
            let parts = Parts::of(&bytes);
            if parts.payload.is_empty() {
                bytes.extend(random.bytes(64));
                return bytes;
            }
            let claimed = [random.below(2 * LIMIT) as u64, 1 << random.below(64)][random.below(2)];
            let (packing, bomb) = match random.below(4) {
                0 => (1, lz4_bomb(random.below(4000))),
                1 => (2, zstd_bomb(10 + random.byte() % 22, 1 + random.below(999))),
                2 => (1, random.bytes(64)),
                _ => (2, random.bytes(64)),
            };
            bytes[3] = bytes[3] & 0xF0 | packing << 1;
            bytes[parts.length].copy_from_slice(&claimed.to_le_bytes());
            let tag = bytes.split_off(parts.body.end);
            bytes.truncate(parts.payload.start);
            bytes.extend(bomb);
            bytes.extend(tag);
            bytes = summed(&bytes);
        }
    }
    bytes
}

/// What came of one kind of mutation.
#[derive(Clone, Copy, Default)]
struct Outcome {
    tried: u64,
    accepted: u64,
    panics: u64,
    memory: usize,
}

fn run(seed: u64, mutations: u64) -> (BTreeMap<usize, Outcome>, Vec<Refusals>) {
    let all = subjects();
    let mut random = Random(seed);
    let mut outcomes = BTreeMap::<usize, Outcome>::new();
    let mut done = 0;
    while done < mutations {
        let subject = &all[random.below(all.len())];
        let (kind, at) = (random.below(KINDS.len()), random.below(subject.entries.len()));
        let bytes = with(&subject.cache, || mutated(kind, &mut random, &all, subject, at));
        let (n, key, entry) = &subject.entries[at];
        if bytes == *entry {
            continue;
        }
        subject.shelf.put(key, bytes.clone());
        let call = random.below(4) == 0;
        let ask = AssertUnwindSafe(|| peak(|| subject.door.serves(&subject.cache, *n, call)));
        let (answer, memory) = with(&subject.cache, || match catch_unwind(ask) {
            Ok((served, memory)) => (Some(served), memory),
            Err(_) => (None, 0),
        });
        let outcome = outcomes.entry(kind).or_default();
        outcome.tried += 1;
        outcome.memory = outcome.memory.max(memory);
        outcome.accepted += u64::from(answer == Some(true));
        outcome.panics += u64::from(answer.is_none());
        if answer != Some(false) {
            println!("seed {seed}: {answer:?} for {}: {} under {key}", KINDS[kind], hex(&bytes));
        }
        done += 1;
    }
    (outcomes, all.iter().map(|subject| subject.cache.refusals()).collect())
}

#[test]
fn a_million_mutated_entries_are_misses() {
    let mutations: u64 =
        std::env::var("CACHEKIT_MUTATIONS").ok().map_or(1_000_000, |text| text.parse().unwrap());
    let threads = thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8) as u64;
    let total = Mutex::new((BTreeMap::<usize, Outcome>::new(), 0));
    thread::scope(|scope| {
        for thread in 0..threads {
            let total = &total;
            scope.spawn(move || {
                let (outcomes, refusals) = run(thread, mutations.div_ceil(threads));
                let mut total = total.lock().unwrap();
                for (kind, outcome) in outcomes {
                    let sum = total.0.entry(kind).or_default();
                    sum.tried += outcome.tried;
                    sum.accepted += outcome.accepted;
                    sum.panics += outcome.panics;
                    sum.memory = sum.memory.max(outcome.memory);
                }
                total.1 += refusals.iter().map(Refusals::total).sum::<u64>();
            });
        }
    });
    let (outcomes, refused) = total.into_inner().unwrap();
    for (kind, Outcome { tried, accepted, panics, memory }) in &outcomes {
        let kind = KINDS[*kind];
        println!(
            "{kind:<28} {tried:>8} tried, {accepted} accepted, {panics} panics, at most {memory} bytes a call"
        );
    }
    let sum = |of: fn(&Outcome) -> u64| outcomes.values().map(of).sum::<u64>();
    let memory = outcomes.values().map(|outcome| outcome.memory).max().unwrap_or(0);
    let (tried, accepted, panics) =
        (sum(|outcome| outcome.tried), sum(|outcome| outcome.accepted), sum(|outcome| outcome.panics));
    println!(
        "{tried} mutated envelopes: accepted {accepted}, panics {panics}, at most {memory} bytes a call"
    );
    println!("{refused} refusals were counted by reason");
    assert!(tried >= mutations && refused >= mutations);
    assert_eq!((accepted, panics), (0, 0));
    assert!(memory < MEMORY, "{memory}");
}
