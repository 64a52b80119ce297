//! Programs that are configured differently on one server: other codecs, seals, compression. Each has its own values or
//! none, never something else.

use cachekit::{Cache, Compression, Config, Json, MessagePack, Seal, memoize, testing::Scope};
use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Redis, Uwsgi, shared};

#[memoize(timeout = 600)]
fn repeated(text: &str, n: usize) -> String {
    text.repeat(n)
}

/// What one program is configured to.
struct Form {
    name: &'static str,
    cache: Cache,
    /// The forms it reads: compression is no difference.
    reads: u8,
    is_sealed: bool,
}

fn forms(url: &str) -> Vec<Form> {
    let url = super::with(url, "key_prefix=forms%3A&operation_timeout=10s&connect_timeout=10s");
    let form = |name, reads, is_sealed, change: fn(Config) -> Config| {
        let cache = Cache::from_config(&change(Config::from_url(&url).unwrap())).unwrap();
        Form { name, cache, reads, is_sealed }
    };
    vec![
        form("plain", 0, false, |config| config),
        form("lz4", 0, false, |config| config.compress(Compression::lz4().above(10))),
        form("zstd", 0, false, |config| config.compress(Compression::zstd().above(10))),
        form("json", 1, false, |config| config.codec(Json)),
        form("msgpack", 2, false, |config| config.codec(MessagePack)),
        form("hmac", 3, true, |config| config.seal(Seal::hmac([("a", [1; 32])]).unwrap())),
        form("another key", 4, true, |config| config.seal(Seal::hmac([("b", [2; 32])]).unwrap())),
        form("the same id", 5, true, |config| config.seal(Seal::hmac([("a", [3; 32])]).unwrap())),
        form("aead", 6, true, |config| config.seal(Seal::aead([("a", [1; 32])]).unwrap())),
    ]
}

fn check(server: &str, url: &str) {
    let forms = forms(url);
    for (index, writer) in forms.iter().enumerate() {
        for reader in &forms {
            let what = format!("{server}: {} after {}", reader.name, writer.name);
            let same = writer.reads == reader.reads;
            let text = format!("{index} ").repeat(100);
            writer.cache.set("k", &text, 600).unwrap();
            let found = reader.cache.get::<String>("k").unwrap();
            assert_eq!(found.as_deref(), same.then_some(&*text), "{what}");
            assert_eq!(reader.cache.get::<Vec<u8>>("k").unwrap(), None, "{what}");
            // A cache with a seal has no values of others; one without leaves them alone.
            let is_there = same || !reader.is_sealed;
            assert_eq!(reader.cache.has("k").unwrap(), is_there, "{what}");
            assert_eq!(reader.cache.add("k", "mine", 600).unwrap(), !is_there, "{what}");
            let expected = if is_there { found } else { Some("mine".to_owned()) };
            assert_eq!(reader.cache.get::<String>("k").unwrap(), expected, "{what}");
            assert!(reader.cache.delete("k").unwrap(), "{what}");

            writer.cache.set("n", &7, 600).unwrap();
            let integer = (!writer.is_sealed && !reader.is_sealed || same).then_some(7);
            assert_eq!(reader.cache.get::<i64>("n").unwrap(), integer, "{what}");

            for (form, n) in [(writer, 30), (reader, 30), (writer, 30), (reader, 31)] {
                Scope::new(form.cache.clone()).run(|| {
                    assert_eq!(repeated("ab", n), "ab".repeat(n), "{what}");
                    assert_eq!(repeated::peek("ab", n), Some("ab".repeat(n)), "{what}");
                });
            }
        }
    }
    forms[0].cache.clear().unwrap();
    assert!(forms.iter().all(|form| !form.cache.has("n").unwrap()), "{server}");
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
}

#[test]
fn on_memcached_with_spread_values() {
    let Some(server) = shared::memcached_sasl() else { return };
    check("memcached, spread", &format!("{}?chunk_size=100", MemcachedSasl::spread_url(server)));
}

#[test]
fn on_uwsgi() {
    let Some(server) = shared::uwsgi() else { return };
    check("uwsgi", &Uwsgi::url(server));
}
