//! Whatever is in a name, a prefix, a key or an argument, a memoized function has its own values, and nothing else on the
//! server changes. Other clients look.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use cachekit::{Cache, Config, cached, delete_memoized, memoize, testing::Scope};
use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Redis, Uwsgi, shared};

thread_local! {
    static COMPUTED: Cell<usize> = const { Cell::new(0) };
}

fn computed<T>(value: T) -> T {
    COMPUTED.set(COMPUTED.get() + 1);
    value
}

/// A function, and what gives its keys.
type Function = (fn(&str) -> String, fn(&str) -> String);

const PATIENCE: Duration = Duration::from_secs(10);

const INJECTION: &str = "x\r\nflush_all\r\nFLUSHALL\r\nset bystander 0 0 3\r\nbad\r\n";

#[memoize(timeout = 600, make_name = |_| INJECTION.to_owned())]
fn injecting(text: &str) -> String {
    computed(text.to_owned())
}

#[memoize(timeout = 600, make_name = |_| "nul\0 space \u{7f} \u{10ffff}".to_owned())]
fn unprintable(text: &str) -> String {
    computed(text.to_owned())
}

#[memoize(timeout = 600, make_name = |_| "é".repeat(5000))]
fn long(text: &str) -> String {
    computed(text.to_owned())
}

#[memoize(timeout = 600, make_name = |_| "k".repeat(250), hash_method = "sha512")]
fn at_the_limit(text: &str) -> String {
    computed(text.to_owned())
}

#[memoize(timeout = 600, make_name = |_| String::new())]
fn nameless(text: &str) -> String {
    computed(text.to_owned())
}

#[memoize(timeout = 600, make_cache_key = format!("{text}"))]
fn of_own_key(text: &str) -> String {
    computed(text.to_owned())
}

#[cached(timeout = 600, key_prefix = "{text}")]
fn of_prefix(text: &str) -> String {
    computed(format!("cached {text}"))
}

#[derive(Hash)]
struct Shop(String);

impl Shop {
    #[memoize(timeout = 600, make_name = |_| INJECTION.to_owned())]
    fn price(&self, text: &str) -> String {
        computed(format!("price {}", text.len() + self.0.len()))
    }
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        ["", " ", "\r\n", "\0", "\u{7f}", "bystander", "\u{80}", "a b", INJECTION].map(str::to_owned).into();
    for length in [200, 201, 249, 250, 251, 10_000] {
        texts.push("k".repeat(length));
        texts.push(format!("{}é", "k".repeat(length - 1)));
    }
    texts
}

/// Calls twice: computed once, and the same both times.
#[track_caller]
fn twice(what: &str, expected: &str, call: impl Fn() -> String) {
    let before = COMPUTED.get();
    assert!(call() == expected && call() == expected, "{what}");
    assert_eq!(COMPUTED.get() - before, 1, "{what}");
}

/// Uses a server by every kind of nasty name, and asks another client after each whether the bystander is as it was.
fn check(server: &str, url: &str, bystander: impl Fn() -> String) {
    let untouched = bystander();
    assert!(untouched.contains("untouched"), "{server}: {untouched:?}");
    for (index, prefix) in
        ["names:", "p\r\nflush_all\r\nFLUSHALL\r\n", "\0 é\u{7f}", &"k".repeat(249)].iter().enumerate()
    {
        let config = Config::from_url(url).unwrap().key_prefix(*prefix);
        let patient = config.operation_timeout(PATIENCE).connect_timeout(PATIENCE);
        let cache = Cache::from_config(&patient).unwrap();
        Scope::new(cache.clone()).run(|| {
            for text in texts() {
                let what = format!("{server}, prefix {index}, {text:.60?} of {} bytes", text.len());
                let functions: [Function; 5] = [
                    (injecting, |text| injecting::make_cache_key(text)),
                    (unprintable, |text| unprintable::make_cache_key(text)),
                    (long, |text| long::make_cache_key(text)),
                    (at_the_limit, |text| at_the_limit::make_cache_key(text)),
                    (nameless, |text| nameless::make_cache_key(text)),
                ];
                for (function, key) in functions {
                    twice(&what, &text, || function(&text));
                    assert_eq!(cache.get::<String>(&key(&text)).unwrap().as_deref(), Some(&*text), "{what}");
                    cache.set(&key(&text), "set", 60).unwrap();
                    assert_eq!(function(&text), "set", "{what}");
                    assert!(cache.delete(&key(&text)).unwrap(), "{what}");
                    twice(&what, &text, || function(&text));
                }
                twice(&what, &text, || of_own_key(&text));
                assert!(delete_memoized!(of_own_key, &text).unwrap(), "{what}");
                twice(&what, &format!("cached {text}"), || of_prefix(&text));
                let shop = Shop(text.clone());
                twice(&what, &format!("price {}", 2 * text.len()), || shop.price(&text));
                delete_memoized!(shop.price).unwrap();
                twice(&what, &format!("price {}", 2 * text.len()), || shop.price(&text));
                assert_eq!(bystander(), untouched, "{what}");
            }
            delete_memoized!(injecting).unwrap();
            twice(server, "", || injecting(""));
            cache.clear().unwrap();
            assert_eq!(long::peek(""), None, "{server}");
        });
        assert_eq!(cache.refusals().total(), 0, "{server}: {:?}", cache.refusals());
        assert_eq!(bystander(), untouched, "{server}, after clear");
    }
}

#[test]
fn on_redis() {
    let Some(server) = Redis::start() else { return };
    let other = RefCell::new(server.connection());
    redis::cmd("SET").arg(&["bystander", "untouched"]).exec(&mut *other.borrow_mut()).unwrap();
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut *other.borrow_mut()).unwrap();
    let look =
        || redis::cmd("GET").arg("bystander").query::<Option<String>>(&mut *other.borrow_mut()).unwrap();
    check("redis", &server.url(), || look().unwrap_or_default());
    // Nothing that was sent was no command.
    let stats: String = redis::cmd("INFO").arg("errorstats").query(&mut *other.borrow_mut()).unwrap();
    assert!(!stats.contains("errorstat_ERR"), "{stats}");
}

#[test]
fn on_a_cluster() {
    let Some(servers) = Cluster::start() else { return };
    let owner = (0..3).find(|node| {
        redis::cmd("SET").arg(&["bystander", "untouched"]).exec(&mut servers.connection(*node)).is_ok()
    });
    let owner = owner.unwrap();
    check("redis cluster", &servers.url(), || {
        redis::cmd("GET")
            .arg("bystander")
            .query::<Option<String>>(&mut servers.connection(owner))
            .unwrap()
            .unwrap_or_default()
    });
}

fn on_memcached(kind: &str, url: &str, servers: &Memcached) {
    let client = |node: usize| {
        let url = format!("memcache://{}?timeout=5&protocol=ascii", servers.node(node).address());
        memcache::Client::with_pool_size(url, 1).unwrap()
    };
    let clients: Vec<_> = (0..servers.nodes().len()).map(client).collect();
    for client in &clients {
        client.set("bystander", "untouched", 0).unwrap();
    }
    check(kind, url, || {
        clients.iter().map(|client| client.get::<String>("bystander").unwrap().unwrap_or_default()).collect()
    });
}

#[test]
fn on_memcached_servers() {
    let Some(servers) = Memcached::start(2) else { return };
    on_memcached("memcached", &servers.url(), &servers);
    let spread = servers.url().replace("memcached:", "memcached+spread:");
    on_memcached("spread", &format!("{spread}?chunk_size=1024"), &servers);
}

#[test]
fn on_memcached_with_a_login() {
    let Some(server) = shared::memcached_sasl() else { return };
    let url = MemcachedSasl::url(server);
    // It speaks only the binary protocol, which nothing can be injected into; a cache beside this one is the bystander.
    let other = Cache::from_url(&format!("{url}?key_prefix=bystanders%3A&operation_timeout=10s")).unwrap();
    other.set("bystander", "untouched", 0).unwrap();
    check("memcached with sasl", &url, || other.get::<String>("bystander").unwrap().unwrap_or_default());
}

#[test]
fn on_uwsgi() {
    let Some(server) = Uwsgi::start() else { return };
    let stored = server
        .exchange(&[("cmd", "set"), ("key", "bystander"), ("size", "9"), ("cache", "mycache")], b"untouched");
    assert!(!stored.is_empty());
    check("uwsgi", &server.url(), || {
        let reply = server.exchange(&[("cmd", "get"), ("key", "bystander"), ("cache", "mycache")], b"");
        String::from_utf8_lossy(&reply).into_owned()
    });
}
