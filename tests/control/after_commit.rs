//! Invalidations that wait for a commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{AfterCommit, Cache, ErrorKind, Result, SimpleCache, cached, delete_memoized, memoize};

use crate::support::{faulty, in_each, runtime};

static RUNS: AtomicU64 = AtomicU64::new(0);

fn run() -> u64 {
    RUNS.fetch_add(1, SeqCst)
}

#[memoize]
fn value(n: u64) -> (u64, u64) {
    (n, run())
}

#[memoize]
async fn later(n: u64) -> (u64, u64) {
    tokio::task::yield_now().await;
    (n, run())
}

#[cached(key_prefix = "list")]
fn list() -> u64 {
    run()
}

#[derive(Hash)]
struct Shop(u64);

impl Shop {
    #[memoize]
    fn price(&self, article: u64) -> (u64, u64) {
        (article, run())
    }
}

type Forget = fn(&Cache) -> Result<()>;

/// Every way to forget `value(1)`.
const WAYS: [(&str, Forget); 6] = [
    ("call", |_| value::delete_memoized_with(1).map(drop)),
    ("function", |_| value::delete_memoized()),
    ("stamp", |_| value::delete_memoized_verhash()),
    ("delete", |cache| cache.delete(&value::make_cache_key(1)).map(drop)),
    ("delete_many", |cache| cache.delete_many(&["other", &value::make_cache_key(1)]).map(drop)),
    ("clear", Cache::clear),
];

#[test]
fn what_is_invalidated_waits_for_the_commit() {
    for (way, forget) in WAYS {
        in_each(|name, cache| {
            let old = value(1);
            let transaction = AfterCommit::new();
            transaction.run(|| forget(cache)).unwrap();
            assert_eq!(value::peek(1), Some(old), "{name} {way}");
            transaction.commit().unwrap();
            assert_eq!(value::peek(1), None, "{name} {way}");
        });
    }
}

#[test]
fn what_is_rolled_back_stays() {
    for (way, forget) in WAYS {
        in_each(|name, cache| {
            let old = value(1);
            let transaction = AfterCommit::new();
            transaction.run(|| forget(cache)).unwrap();
            transaction.rollback();
            let dropped = AfterCommit::new();
            dropped.run(|| forget(cache)).unwrap();
            drop(dropped);
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let transaction = AfterCommit::new();
                transaction.run(|| {
                    forget(cache).unwrap();
                    panic!("as it should");
                })
            }));
            assert!(panicked.is_err());
            assert_eq!(value(1), old, "{name} {way}: and calls are cached as before");
        });
    }
}

#[test]
fn inside_what_was_invalidated_is_not_read() {
    for (way, forget) in WAYS {
        in_each(|name, cache| {
            let (old, key) = (value(1), value::make_cache_key(1));
            let transaction = AfterCommit::new();
            transaction.run(|| {
                assert_eq!(value(1), old, "{name} {way}: not invalidated yet");
                forget(cache).unwrap();
                let new = value(1);
                assert_ne!(new, old, "{name} {way}");
                assert_ne!(value(1), new, "{name} {way}: not stored, not even for itself");
                assert_eq!(value::peek(1), None, "{name} {way}");
                assert_eq!(cache.get::<(u64, u64)>(&key).unwrap(), None, "{name} {way}");
                assert!(!cache.has(&key).unwrap(), "{name} {way}");
                assert_eq!(cache.get_or_insert_with(&key, 60, || (0, 0)), (0, 0), "{name} {way}");
            });
            assert_eq!(transaction.run(|| value::peek(1)), None, "{name} {way}: also when entered again");
            assert_eq!(value(1), old, "{name} {way}: outside nothing happened");
            assert_eq!(
                thread::scope(|s| {
                    let cache = cache.clone();
                    transaction.run(|| s.spawn(|| Scope::new(cache).run(|| value(1)))).join().unwrap()
                }),
                old,
                "{name} {way}"
            );
            transaction.commit().unwrap();
            assert_ne!(value(1), old, "{name} {way}");
        });
    }
}

#[test]
fn inside_nothing_that_is_computed_is_stored() {
    in_each(|name, cache| {
        let old = value(2);
        let transaction = AfterCommit::new();
        transaction.run(|| {
            value(1);
            list();
            cache.get_or_insert_with("k", 60, || 1);
            value::delete_memoized_with(9).unwrap();
            value(3);
            value::refresh(2);
            assert_eq!(value(2), old, "{name}: what was not invalidated is read");
        });
        let found = (value::peek(1), list::peek(), value::peek(3), cache.get::<u64>("k").unwrap());
        assert_eq!(found, (None, None, None, None), "{name}");
        transaction.commit().unwrap();
        assert_eq!(value(2), old, "{name}");
    });
}

/// Whoever waited for a computation inside would be given what is not committed.
#[test]
fn others_are_not_given_what_is_computed_inside() {
    #[memoize]
    fn slow(_n: u64) -> u64 {
        let run = run();
        thread::sleep(Duration::from_millis(200));
        run
    }
    in_each(|name, cache| {
        let call = || Scope::new(cache.clone()).run(|| slow(1));
        let transaction = AfterCommit::new();
        for invalidates in [false, true] {
            let [inside, outside] = thread::scope(|scope| {
                let inside = scope.spawn(|| {
                    transaction.run(|| {
                        if invalidates {
                            Scope::new(cache.clone()).run(|| slow::delete_memoized_with(1)).unwrap();
                        }
                        call()
                    })
                });
                thread::sleep(Duration::from_millis(50));
                let outside = scope.spawn(call);
                [inside, outside].map(|thread| thread.join().unwrap())
            });
            assert_ne!(inside, outside, "{name}");
            assert_eq!(call(), outside, "{name}");
            slow::delete_memoized().unwrap();
        }
    });
}

#[test]
fn an_instance_waits_alone() {
    in_each(|name, _| {
        let shops = [Shop(1), Shop(2)];
        let old = [shops[0].price(7), shops[1].price(7)];
        let transaction = AfterCommit::new();
        transaction.run(|| {
            delete_memoized!(shops[0].price).unwrap();
            assert_ne!(shops[0].price(7), old[0], "{name}");
            assert_eq!(shops[1].price(7), old[1], "{name}");
        });
        assert_eq!(shops[0].price(7), old[0], "{name}");
        transaction.commit().unwrap();
        assert_ne!(shops[0].price(7), old[0], "{name}");
        assert_eq!(shops[1].price(7), old[1], "{name}");
    });
}

#[test]
fn a_name_of_ones_own_waits_too() {
    in_each(|name, cache| {
        let old = list();
        let transaction = AfterCommit::new();
        transaction.run(|| {
            assert!(!cache.delete_cached("list").unwrap(), "{name}: nothing was removed yet");
            assert_eq!(cache.delete_many(&["a", "b"]).unwrap(), ["a", "b"], "{name}");
            assert_ne!(list(), old, "{name}");
            cache.set("written", &1, 60).unwrap();
        });
        assert_eq!(list(), old, "{name}");
        assert_eq!(cache.get::<u64>("written").unwrap(), Some(1), "{name}: written at once");
        transaction.commit().unwrap();
        assert_ne!(list(), old, "{name}");
    });
}

#[test]
fn a_part_hands_over_to_the_whole() {
    in_each(|name, _| {
        let old = [value(1), value(2), value(3)];
        let whole = AfterCommit::new();
        whole.run(|| {
            value::delete_memoized_with(1).unwrap();
            let part = AfterCommit::new();
            part.run(|| {
                value::delete_memoized_with(2).unwrap();
                assert!(value(1) != old[0] && value(2) != old[1], "{name}: what the whole invalidated, too");
            });
            assert_eq!(value(2), old[1], "{name}: the part is its own until it is committed");
            part.commit().unwrap();
            assert_ne!(value(2), old[1], "{name}");
            let savepoint = AfterCommit::new();
            savepoint.run(|| value::delete_memoized_with(3)).unwrap();
            savepoint.rollback();
            assert_eq!(value(3), old[2], "{name}");
        });
        assert_eq!([value(1), value(2), value(3)], old, "{name}");
        whole.commit().unwrap();
        assert_eq!([value::peek(1), value::peek(2), value::peek(3)], [None, None, Some(old[2])], "{name}");
    });
}

#[test]
fn a_part_shares_the_fate_of_the_whole() {
    in_each(|name, _| {
        let old = value(1);
        let whole = AfterCommit::new();
        let part = whole.run(AfterCommit::new);
        part.run(|| value::delete_memoized_with(1)).unwrap();
        whole.rollback();
        part.commit().unwrap();
        assert_eq!(value(1), old, "{name}");
        let whole = AfterCommit::new();
        let part = whole.run(AfterCommit::new);
        part.run(|| value::delete_memoized_with(1)).unwrap();
        whole.commit().unwrap();
        part.commit().unwrap();
        assert_ne!(value(1), old, "{name}: committed after the whole was");
    });
}

#[test]
fn a_commit_tries_all_and_returns_all_failures() {
    let (backend, broken) = faulty();
    let well = Cache::builder().backend(SimpleCache::new()).build();
    Scope::new(broken.clone()).run(|| {
        value(1);
        well.set("k", &1, 60).unwrap();
        let transaction = AfterCommit::new();
        transaction.run(|| {
            value::delete_memoized_with(1).unwrap();
            value::delete_memoized_with(1).unwrap();
            broken.delete("a").unwrap();
            well.delete("k").unwrap();
            broken.clear().unwrap();
        });
        assert!(format!("{transaction:?}").contains("waiting: 4"), "{transaction:?}");
        backend.fail(true);
        let error = transaction.commit().unwrap_err();
        backend.fail(false);
        assert_eq!(error.errors().len(), 3, "{error}");
        assert!(error.to_string().starts_with("3 of 4 invalidations failed"), "{error}");
        assert_eq!(well.get::<u64>("k").unwrap(), None);
        let error = cachekit::Error::from(error);
        assert!(
            error.kind() == ErrorKind::Backend && format!("{error:#}").contains("told to fail"),
            "{error:#}"
        );
    });
}

#[test]
fn an_empty_commit_is_fine() {
    let transaction = AfterCommit::new();
    assert_eq!(transaction.run(|| 7), 7);
    transaction.commit().unwrap();
}

#[test]
fn a_transaction_follows_its_task() {
    runtime().block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                tokio::spawn(async move {
                    let old = later(n).await;
                    let transaction = AfterCommit::new();
                    transaction
                        .run_async(async {
                            later::delete_memoized_with(n).await.unwrap();
                            tokio::task::yield_now().await;
                            let new = later(n).await;
                            assert_ne!(new, old);
                            assert_eq!(later::peek(n).await, None);
                        })
                        .await;
                    assert_eq!(later(n).await, old);
                    match n % 3 {
                        0 => transaction.commit_async().await.unwrap(),
                        1 => transaction.commit().unwrap(),
                        _ => transaction.rollback(),
                    }
                    (old, later(n).await)
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            let (old, new) = task.await.unwrap();
            assert_eq!(old == new, n % 3 == 2, "{n}");
        }
    });
}

/// A caller that goes away in the middle drops what waits.
#[test]
fn a_dropped_future_is_a_rollback() {
    #[memoize]
    async fn kept(n: u64) -> (u64, u64) {
        (n, run())
    }
    runtime().block_on(async {
        let old = kept(1).await;
        let work = async {
            let transaction = AfterCommit::new();
            transaction
                .run_async(async {
                    kept::delete_memoized_with(1).await.unwrap();
                    std::future::pending::<()>().await;
                })
                .await;
            transaction.commit_async().await.unwrap();
        };
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        assert_eq!(kept(1).await, old);
    });
}

#[test]
fn a_part_is_also_what_is_entered_inside() {
    in_each(|name, _| {
        let old = [value(1), value(2)];
        let (whole, part) = (AfterCommit::new(), AfterCommit::new());
        whole.run(|| {
            value::delete_memoized_with(1).unwrap();
            part.run(|| {
                assert_ne!(value(1), old[0], "{name}");
                value::delete_memoized_with(2).unwrap();
                whole.run(|| assert_eq!(value(2), old[1], "{name}: the whole knows nothing of it yet"));
            });
        });
        part.commit().unwrap();
        assert_eq!([value(1), value(2)], old, "{name}: handed over");
        whole.commit().unwrap();
        assert_eq!([value::peek(1), value::peek(2)], [None, None], "{name}");
    });
}
