//! Values of any size: stored or refused, never a panic, never a mixture. The deadlines are the default ones.

use cachekit::{Cache, memoize, testing::Scope};
use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Redis, Uwsgi, shared};

const MIB: usize = 1 << 20;
const SIZES: [usize; 9] = [0, 1, 65_000, 65_536, MIB - 1, MIB, MIB + 1, 5_000_000, 40_000_000];

fn text(size: usize, seed: u8) -> String {
    let line: String = (b'a'..=b'z').map(|letter| char::from((letter - b'a' + seed) % 26 + b'a')).collect();
    line.repeat(size / 26 + 1)[..size].to_owned()
}

#[memoize(timeout = 600)]
fn page(size: usize, seed: u8) -> String {
    text(size, seed)
}

fn check(server: &str, url: &str) {
    let cache = Cache::from_url(&super::with(url, "key_prefix=sizes%3A")).unwrap();
    let retry = || {
        // A server that had no time for a large value has it for a small one, if not at once.
        (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            cache.set("small", "small", 60).is_ok()
                && cache.get::<String>("small").is_ok_and(|v| v.as_deref() == Some("small"))
        })
    };
    let mut outcomes = Vec::new();
    for size in SIZES {
        let texts = [text(10, 1), text(size, 2), text(size, 3)];
        assert!(retry(), "{server}: fine again before {size}");
        cache.set("k", &texts[0], 600).unwrap();
        let mut stored = Vec::new();
        for new in [1, 2] {
            let outcome = cache.set("k", &texts[new], 600);
            assert!(retry(), "{server}: fine again after {size}: {outcome:?}");
            match cache.get::<String>("k") {
                Ok(Some(found)) => {
                    let is_new = found == texts[new];
                    assert!(
                        is_new || outcome.is_err() && texts.contains(&found),
                        "{server}, {size}: {found:.100}"
                    );
                    stored.push(is_new);
                }
                // Too long to come back in time, or not kept.
                Ok(None) => {
                    assert!(outcome.is_err(), "{server}, {size}: stored, and not there");
                    stored.push(false);
                }
                Err(error) => {
                    assert!(size > MIB, "{server}, {size}: {error}");
                    stored.push(false);
                    assert!(retry(), "{server}");
                }
            }
        }
        outcomes.push(format!("{size}: {}", if stored == [true, true] { "stored" } else { "not" }));
        Scope::new(cache.clone()).run(|| {
            for seed in [4, 5, 4] {
                assert!(page(size, seed) == text(size, seed), "{server}, {size}");
            }
        });
        assert!(retry(), "{server}: fine again after {size}");
    }
    println!("{server}: {}", outcomes.join(", "));
    assert!(retry());
    cache.clear().unwrap();
}

#[test]
fn on_redis() {
    let Some(server) = shared::redis() else { return };
    check("redis", &Redis::url(server));
}

#[test]
fn on_a_cluster() {
    let Some(servers) = shared::cluster() else { return };
    check("redis cluster", &Cluster::url(servers));
}

#[test]
fn on_memcached() {
    let Some(servers) = shared::memcached() else { return };
    check("memcached", &Memcached::url(servers));
    let spread = Memcached::url(servers).replace("memcached:", "memcached+spread:");
    check("memcached, spread", &spread);
}

#[test]
fn on_memcached_with_a_login() {
    let Some(server) = shared::memcached_sasl() else { return };
    check("memcached with sasl", &MemcachedSasl::url(server));
    check("memcached with sasl, spread", &server.spread_url());
}

#[test]
fn on_uwsgi() {
    let Some(server) = shared::uwsgi() else { return };
    check("uwsgi", &Uwsgi::url(server));
}
