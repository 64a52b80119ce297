//! The same random operations on the in-process cache and on servers have the same results, one by one.

use cachekit::{Cache, ErrorKind, Result};
use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Redis, Sentinel, Uwsgi, shared};
use tokio::runtime::Runtime;

const OPERATIONS: u64 = 1500;
const SEEDS: [u64; 3] = [1, 2, 3];

/// What is the same on every backend: keys that are no names, too long, or look like those of cachekit's own.
const KEYS: [&str; 12] = [
    "a",
    "b",
    "counter",
    "line\r\nflush_all\r\n",
    "a b",
    "nul\0",
    "\u{7f}",
    "日本語",
    "{slot}x",
    "f:0123456789abcdef0123456789abcdef",
    "*",
    "a_b~bc0a9d8e8c1f5d1d4d1ab6f3f1bd5b9c",
];

/// A number that follows from what was asked so far.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn key(&mut self) -> String {
        match self.below(KEYS.len() + 2) {
            0 => "k".repeat(250),
            1 => format!("{}é", "k".repeat(10_000)),
            at => KEYS[at - 2].to_owned(),
        }
    }

    fn keys(&mut self) -> Vec<String> {
        (0..self.below(9)).map(|_| self.key()).collect()
    }

    fn text(&mut self) -> String {
        match self.below(4) {
            0 => String::new(),
            1 => "\r\nEND\r\n\0é".to_owned(),
            2 => "v".repeat(self.below(9000)),
            _ => self.below(100).to_string(),
        }
    }

    fn integer(&mut self) -> i64 {
        [0, 1, -1, 7, i64::MAX, i64::MIN, i64::MAX - 3][self.below(7)]
    }
}

/// What an operation comes to, as text; of an error its kind.
fn shown<T: std::fmt::Debug>(result: Result<T>) -> String {
    format!("{:?}", result.map_err(|error| error.kind()))
}

/// One operation, and what came of it.
fn operate(cache: &Cache, runtime: Option<&Runtime>, random: &mut Random) -> (String, String) {
    macro_rules! call {
        ($name:ident / $twin:ident ($($arg:expr),*)) => {
            match runtime {
                Some(runtime) => runtime.block_on(cache.$twin($($arg),*)),
                None => cache.$name($($arg),*),
            }
        };
    }
    let key = random.key();
    match random.below(15) {
        0 | 1 => (format!("get {key:?}"), shown::<Option<String>>(call!(get / get_async(&key)))),
        2 => (format!("get integer {key:?}"), shown::<Option<i64>>(call!(get / get_async(&key)))),
        3 => {
            let text = random.text();
            (format!("set {key:?} {text:?}"), shown(call!(set / set_async(&key, &text, 0))))
        }
        4 => {
            let integer = random.integer();
            (format!("set {key:?} {integer}"), shown(call!(set / set_async(&key, &integer, 0))))
        }
        5 | 6 => {
            let text = random.text();
            (format!("add {key:?} {text:?}"), shown(call!(add / add_async(&key, &text, 0))))
        }
        7 => (format!("delete {key:?}"), shown(call!(delete / delete_async(&key)))),
        8 => (format!("has {key:?}"), shown(call!(has / has_async(&key)))),
        9 => {
            let keys = random.keys();
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            (
                format!("get_many {keys:?}"),
                shown::<Vec<Option<String>>>(call!(get_many / get_many_async(&names))),
            )
        }
        10 => {
            let pairs: Vec<(String, String)> =
                random.keys().into_iter().map(|key| (key, random.text())).collect();
            let items: Vec<(&str, String)> =
                pairs.iter().map(|(key, text)| (key.as_str(), text.clone())).collect();
            (format!("set_many {pairs:?}"), shown(call!(set_many / set_many_async(&items, 0))))
        }
        11 => {
            let keys = random.keys();
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            (format!("delete_many {keys:?}"), shown(call!(delete_many / delete_many_async(&names))))
        }
        12 => {
            let by = random.integer();
            (format!("inc {key:?} {by}"), shown(call!(inc / inc_async(&key, by))))
        }
        13 => {
            let by = random.integer();
            (format!("dec {key:?} {by}"), shown(call!(dec / dec_async(&key, by))))
        }
        _ if random.below(8) == 0 => ("clear".to_owned(), shown(call!(clear / clear_async()))),
        _ => (format!("get float {key:?}"), shown::<Option<f64>>(call!(get / get_async(&key)))),
    }
}

/// Compares a backend with the in-process cache, operation by operation.
fn compare(name: &str, url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (index, seed) in SEEDS.into_iter().enumerate() {
        // The prefix is part of every name on the server, so it is no nicer than the keys.
        let ending = ["%3A", "%0D%0Aflush_all%0D%0A%00 ", "*%3F%5B%C3%A9"][index];
        let parameters =
            format!("key_prefix={name}{ending}&timeout=0&operation_timeout=10s&connect_timeout=10s");
        let theirs = Cache::from_url(&super::with(url, &parameters)).unwrap();
        let ours = Cache::from_url(&format!("simple://?{parameters}")).unwrap();
        let (mut left, mut right) = (Random(seed), Random(seed));
        let mut errors = 0;
        // Sync and async, in turn by the hundred.
        for step in 0..OPERATIONS {
            let runtime = Some(&runtime).filter(|_| step / 100 % 2 == 1);
            let (what, expected) = operate(&ours, None, &mut left);
            let (_, found) = operate(&theirs, runtime, &mut right);
            let what: String = what.chars().take(300).collect();
            assert!(
                found == expected,
                "{name}, seed {seed}, step {step}, {what}: {found:.300} not {expected:.300}"
            );
            errors += u64::from(found.starts_with("Err"));
        }
        assert!(errors > 0 && errors < OPERATIONS / 4, "some sums are refused: {errors}");
        let kind =
            theirs.set("text", "no integer", 0).and_then(|()| theirs.inc("text", 1)).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::Type, "{name}");
        theirs.clear().unwrap();
    }
    println!("{name}: {} operations as in process", OPERATIONS * SEEDS.len() as u64);
}

#[test]
fn redis() {
    let Some(server) = shared::redis() else { return };
    compare("redis", &Redis::url(server));
}

#[test]
fn redis_sentinel() {
    let Some(servers) = shared::sentinel() else { return };
    compare("redis behind sentinels", &Sentinel::url(servers));
}

#[test]
fn redis_cluster() {
    let Some(servers) = shared::cluster() else { return };
    compare("redis cluster", &Cluster::url(servers));
}

#[test]
fn memcached() {
    let Some(servers) = shared::memcached() else { return };
    compare("memcached", &Memcached::url(servers));
}

#[test]
fn memcached_sasl() {
    let Some(server) = shared::memcached_sasl() else { return };
    compare("memcached with sasl", &MemcachedSasl::url(server));
}

#[test]
fn memcached_spread() {
    let Some(server) = shared::memcached_sasl() else { return };
    // Most texts are several chunks.
    compare("memcached, spread", &format!("{}?chunk_size=1024&max_chunks=40", server.spread_url()));
}

#[test]
fn uwsgi() {
    let Some(server) = shared::uwsgi() else { return };
    compare("uwsgi", &Uwsgi::url(server));
}
