//! A server that is out of memory stores nothing, and still forgets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cachekit::{Cache, Config, delete_memoized, memoize, testing::Scope};
use cachekit_tests::servers::Redis;

type Invalidate = fn(u64) -> bool;

static TRUTH: AtomicU64 = AtomicU64::new(1);

#[memoize(timeout = 600)]
fn truth(_n: u64) -> u64 {
    TRUTH.load(Relaxed)
}

fn limit(server: &Redis, bytes: &str) {
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec(&mut server.connection()).unwrap();
}

/// Whatever an invalidation says, nobody gets the old value any more: neither while there is no room for what it leaves
/// behind, nor afterwards.
#[test]
fn a_full_server_forgets() {
    let Some(server) = Redis::start() else { return };
    let cache = Cache::from_config(&Config::from_url(&server.url()).unwrap()).unwrap();
    let invalidations: [(&str, Invalidate); 2] = [
        ("a call", |n| delete_memoized!(truth, n).is_ok()),
        ("the function", |_| delete_memoized!(truth).is_ok()),
    ];
    Scope::new(cache).run(|| {
        for (what, invalidate) in invalidations {
            for n in 0..3 {
                assert_eq!(truth(n), truth(n), "{what}");
                limit(&server, "1");
                let now = TRUTH.fetch_add(1, Relaxed) + 1;
                let said = invalidate(n);
                assert_eq!(truth(n), now, "{what}, while the server is full; acknowledged: {said}");
                limit(&server, "0");
                assert_eq!(truth(n), now, "{what}, when there is room again");
            }
        }
    });
}
