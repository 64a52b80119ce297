//! Random sequences of operations, compared step by step with a map in memory.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cachekit_backends::{Backend, ErrorKind, FileSystemCache, FileSystemConfig, ManualClock, Seen};

use super::helper::{Random, all_files, path_of, private_dir};

const KEYS: [&str; 10] = ["", "a", "ab", "abc", "b", "ba", "ключ", "ключи", "n", "m"];

/// What a cache should hold: values and when they expire, in milliseconds.
#[derive(Default)]
struct Model {
    entries: HashMap<&'static str, (Vec<u8>, Option<u64>)>,
    now: u64,
}

impl Model {
    fn get(&self, key: &str) -> Option<&Vec<u8>> {
        let live = |expires: &Option<u64>| expires.is_none_or(|expires| self.now < expires);
        self.entries.get(key).filter(|(_, expires)| live(expires)).map(|(value, _)| value)
    }

    fn set(&mut self, key: &'static str, value: Vec<u8>, lifetime: Option<u64>) {
        self.entries.insert(key, (value, lifetime.map(|lifetime| self.now + lifetime)));
    }

    fn remove(&mut self, key: &str) -> bool {
        let was_live = self.get(key).is_some();
        self.entries.remove(key);
        was_live
    }

    fn integer(&self, key: &str) -> Result<Option<i64>, ()> {
        let Some(value) = self.get(key) else { return Ok(None) };
        str::from_utf8(value).ok().and_then(|text| text.parse().ok()).map(Some).ok_or(())
    }

    fn live(&self) -> usize {
        KEYS.iter().filter(|key| self.get(key).is_some()).count()
    }
}

fn open(dir: &Path, clock: &ManualClock, threshold: usize) -> FileSystemCache {
    FileSystemConfig::new(dir).clock(clock.clock()).threshold(threshold).build().expect("a cache")
}

fn random_value(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        0 => (random.below(200_000) as u64).to_string().into_bytes(),
        1 => i64::MAX.to_string().into_bytes(),
        _ => (0..random.below(300)).map(|_| b"text"[random.below(4)]).collect(),
    }
}

/// One random operation on both, whose answers must be the same.
fn step(cache: &FileSystemCache, model: &mut Model, random: &mut Random, clock: &ManualClock) {
    let key = KEYS[random.below(KEYS.len())];
    let other = KEYS[random.below(KEYS.len())];
    let value = random_value(random);
    let lifetime = [None, Some(0), Some(1), Some(50), Some(1000)][random.below(5)];
    let duration = lifetime.map(Duration::from_millis);
    match random.below(12) {
        0 | 1 => {
            let expected = [key, other].map(|key| model.get(key).cloned());
            assert_eq!(cache.get_many(&[key, other]).expect("a read"), expected);
        }
        2 => {
            let expected = [key, other].map(|key| model.get(key).is_some());
            assert_eq!(cache.has_many(&[key, other]).expect("a look"), expected);
        }
        3..=5 => {
            let items: [(&str, &[u8]); 2] = [(other, b"first"), (key, &value)];
            assert_eq!(cache.set_many(&items, duration).expect("a write"), [true; 2]);
            model.set(other, b"first".to_vec(), lifetime);
            model.set(key, value, lifetime);
        }
        6 => {
            let vacant = model.get(key).is_none();
            assert_eq!(cache.add(key, &value, duration).expect("an add"), vacant);
            if vacant {
                model.set(key, value, lifetime);
            }
        }
        7 => {
            let seen = if random.below(2) == 0 { model.get(key).cloned() } else { model.get(other).cloned() };
            let seen = seen.map(|seen| seen[..seen.len().min(3)].to_vec());
            let unchanged = match (&seen, model.get(key)) {
                (None, None) => true,
                (Some(seen), Some(now)) => now.starts_with(seen),
                _ => false,
            };
            let swapped = cache.compare_and_set(key, seen.as_deref().map(Seen::new), &value, duration);
            assert_eq!(swapped.expect("an attempt"), unchanged);
            if unchanged {
                model.set(key, value, lifetime);
            }
        }
        8 => {
            let expected = [model.remove(key), model.remove(other)];
            assert_eq!(cache.delete_many(&[key, other]).expect("a removal"), expected);
        }
        9 => {
            let expected = model.integer(key).and_then(|old| old.unwrap_or(0).checked_add(7).ok_or(()));
            let sum = cache.increment(key, 7, duration);
            assert_eq!(sum.as_ref().ok(), expected.as_ref().ok());
            match expected {
                Err(()) => assert_eq!(sum.expect_err("no sum").kind(), ErrorKind::Type),
                Ok(sum) if model.get(key).is_none() => model.set(key, sum.to_string().into_bytes(), lifetime),
                Ok(sum) => model.entries.get_mut(key).expect("an entry").0 = sum.to_string().into_bytes(),
            }
        }
        10 if random.below(4) == 0 => {
            cache.clear(key).expect("a clear");
            model.entries.retain(|stored, _| !stored.starts_with(key));
        }
        _ => {
            let millis = random.below(60) as u64;
            clock.advance(Duration::from_millis(millis));
            model.now += millis;
        }
    }
}

#[test]
fn an_unbounded_cache_does_what_a_map_does() {
    let outer = private_dir();
    let paths: Vec<PathBuf> = KEYS.map(|key| path_of(outer.path(), key)).to_vec();
    for seed in 0..30 {
        println!("seed {seed}");
        let dir = outer.path().join(seed.to_string());
        let (clock, mut model, mut random) = (ManualClock::new(), Model::default(), Random::new(seed));
        let mut caches = [open(&dir, &clock, 0), open(&dir, &clock, 0)];
        for _ in 0..250 {
            step(&caches[random.below(2)], &mut model, &mut random, &clock);
            match random.below(30) {
                0 => assert_eq!(caches[0].entries(), Some(model.live())),
                1 => caches[1] = open(&dir, &clock, 0),
                2 => {
                    let index = random.below(KEYS.len());
                    let file = dir.join(paths[index].strip_prefix(outer.path()).unwrap());
                    if let Ok(bytes) = fs::read(&file) {
                        fs::write(file, &bytes[..random.below(bytes.len())]).unwrap();
                        model.remove(KEYS[index]);
                    }
                }
                _ => {}
            }
        }
        assert_eq!(caches[0].entries(), Some(model.live()));
        caches[0].clear("").unwrap();
        assert!(all_files(&dir).is_empty(), "{:?}", all_files(&dir));
    }
}

/// A bounded cache may forget, and nothing else: it holds what the map holds or less, and always the newest.
#[test]
fn a_bounded_cache_only_forgets() {
    for seed in 0..20 {
        println!("seed {seed}");
        let dir = private_dir();
        let (clock, mut model, mut random) = (ManualClock::new(), Model::default(), Random::new(seed));
        let threshold = 1 + random.below(6);
        let cache = open(dir.path(), &clock, threshold);
        for _ in 0..200 {
            let key = KEYS[random.below(KEYS.len())];
            let value = random_value(&mut random);
            let lifetime = [None, Some(1), Some(50)][random.below(3)];
            match random.below(6) {
                0 => {
                    cache.delete_many(&[key]).unwrap();
                    model.remove(key);
                }
                1 => {
                    clock.advance(Duration::from_millis(10));
                    model.now += 10;
                }
                _ => {
                    cache.set_many(&[(key, &value)], lifetime.map(Duration::from_millis)).unwrap();
                    model.set(key, value, lifetime);
                    assert_eq!(cache.get_many(&[key]).unwrap()[0].as_ref(), model.get(key), "the newest");
                }
            }
            assert!(all_files(dir.path()).len() <= threshold);
            for (key, held) in KEYS.iter().zip(cache.get_many(&KEYS).unwrap()) {
                assert!(held.is_none() || held.as_ref() == model.get(key), "{key:?}");
            }
        }
    }
}
