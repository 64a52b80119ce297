//! How to test code that uses cachekit: a cache for each test, a clock to move, a backend that fails on command.
//!
//! Run it with `cargo test -p cachekit-examples --example testing`.

use std::sync::atomic::{AtomicU32, Ordering};

use cachekit::{Cache, memoize};

/// How often the "database" was asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// What is to be tested: code that knows nothing of tests.
#[memoize(timeout = 60)]
fn name_of(user: u64) -> String {
    ASKED.fetch_add(1, Ordering::Relaxed);
    format!("user {user}")
}

fn main() {
    // A scope gives its thread a cache of its own, here one that caches nothing.
    let off = cachekit::testing::Scope::new(Cache::builder().backend(cachekit::NullCache).build());
    off.run(|| [name_of(1), name_of(1)]);
    println!("without a cache the database was asked {} times", ASKED.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cachekit::testing::{Faulty, ManualClock, Scope};
    use cachekit::{SimpleCache, delete_memoized};

    use super::*;

    // Tests run side by side and share no cache, because each has its scope; they ask for different users, because the
    // counter is shared: what `peek` says is better to test by.

    #[test]
    fn a_name_is_kept() {
        Scope::new(Cache::builder().build()).run(|| {
            assert_eq!(name_of::peek(1), None);
            name_of(1);
            assert_eq!(name_of::peek(1), Some("user 1".to_owned()));
        });
    }

    #[test]
    fn a_name_is_kept_for_a_minute() {
        let clock = ManualClock::new();
        let cache = Cache::builder().clock(clock.clock()).build();
        Scope::new(cache).run(|| {
            name_of(1);
            clock.advance(Duration::from_secs(59));
            assert!(name_of::peek(1).is_some());
            clock.advance(Duration::from_secs(1));
            assert!(name_of::peek(1).is_none());
        });
    }

    #[test]
    fn without_its_cache_the_function_works() {
        let faulty = Faulty::new(SimpleCache::new());
        let cache = Cache::builder().backend(faulty.clone()).build();
        Scope::new(cache).run(|| {
            faulty.fail(true);
            assert_eq!(name_of(1), "user 1");
            assert!(delete_memoized!(name_of, 1).is_err(), "what cannot be forgotten is said");
            faulty.fail(false);
            name_of(1);
            assert!(name_of::peek(1).is_some());
        });
    }

    #[test]
    fn a_test_of_async_code_has_its_scope_too() {
        cachekit_examples::block_on(Scope::new(Cache::builder().build()).run_async(async {
            name_of(1);
            assert!(name_of::peek(1).is_some());
        }));
    }
}
