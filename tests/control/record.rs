//! What was asked for.

use cachekit::testing::Scope;
use cachekit::{Cache, CacheMode, Outcome, Record, cached, memoize};

use crate::support::{in_each, runtime};

#[memoize]
fn leaf(n: u64) -> u64 {
    n
}

#[memoize]
fn tree(n: u64) -> u64 {
    leaf(n) + leaf(n + 1)
}

#[cached(key_prefix = "list")]
fn list() -> Vec<u64> {
    vec![1]
}

#[memoize]
async fn later(n: u64) -> u64 {
    tokio::task::yield_now().await;
    n
}

fn outcomes(record: &Record) -> Vec<(Option<&str>, Outcome)> {
    record.asked().iter().map(|asked| (asked.key.as_deref(), asked.outcome)).collect()
}

#[test]
fn calls_are_noted_in_the_order_in_which_they_ask() {
    in_each(|name, cache| {
        leaf(2);
        let (sum, record) = Record::of(|| {
            let sum = tree(1) + tree(1);
            list();
            leaf::uncached(2);
            cache.get_or_insert_with("mine", 60, || 1);
            cache.get_or_insert_with("mine", 60, || 1);
            sum
        });
        let (tree, one, two) = (tree::make_cache_key(1), leaf::make_cache_key(1), leaf::make_cache_key(2));
        let expected = [
            (Some(&*tree), Outcome::Miss),
            (Some(&*one), Outcome::Miss),
            (Some(&*two), Outcome::Hit),
            (Some(&*tree), Outcome::Hit),
            (Some("list"), Outcome::Miss),
            (None, Outcome::Bypass),
            (Some("mine"), Outcome::Miss),
            (Some("mine"), Outcome::Hit),
        ];
        assert_eq!(outcomes(&record), expected, "{name}");
        assert_eq!(sum, 6);
        let functions: Vec<_> = record.asked().iter().filter_map(|asked| asked.function.as_deref()).collect();
        assert!(functions[0].ends_with("::tree") && functions[5].ends_with("::leaf"), "{functions:?}");
        assert_eq!(record.asked()[7].function, None);
        assert_eq!(record.count(Outcome::Miss), 4);
    });
}

#[test]
fn a_record_changes_no_mode_and_notes_all() {
    Scope::new(Cache::builder().build()).run(|| {
        leaf(1);
        let ((), record) = Record::of(|| {
            CacheMode::Off.scope(|| leaf(1));
            CacheMode::ReadOnly.scope(|| (leaf(1), leaf(5)));
            CacheMode::Refresh.scope(|| leaf(1));
        });
        let outcomes: Vec<_> = record.asked().iter().map(|asked| asked.outcome).collect();
        assert_eq!(outcomes, [Outcome::Bypass, Outcome::Hit, Outcome::Miss, Outcome::Miss]);
        let ((_, inner), outer) = Record::of(|| {
            leaf(1);
            Record::of(|| leaf(2))
        });
        assert_eq!((outer.asked().len(), inner.asked().len()), (2, 1));
        assert_eq!(Record::of(|| ()).1, Record::default());
    });
}

#[test]
fn a_record_follows_its_task() {
    runtime().block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                tokio::spawn(Record::of_async(async move {
                    later(n).await;
                    tokio::task::yield_now().await;
                    later(n).await
                }))
            })
            .collect();
        for (n, task) in (0..).zip(tasks) {
            let (_, record) = task.await.unwrap();
            let key = later::make_cache_key(n);
            assert_eq!(outcomes(&record), [(Some(&*key), Outcome::Miss), (Some(&*key), Outcome::Hit)]);
        }
    });
}

/// One caller's record is not another's, also where one gets the result of the other.
#[test]
fn who_waits_for_another_has_a_hit() {
    #[memoize]
    fn slow(n: u64) -> u64 {
        std::thread::sleep(std::time::Duration::from_millis(300));
        n
    }
    let cache = Cache::builder().build();
    let records = std::thread::scope(|scope| {
        let ask = |delay| {
            let cache = cache.clone();
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(delay));
                Scope::new(cache).run(|| Record::of(|| slow(1)).1)
            })
        };
        [ask(0), ask(100)].map(|thread| thread.join().unwrap())
    });
    let outcomes = records.map(|record| record.asked()[0].outcome);
    assert_eq!(outcomes, [Outcome::Miss, Outcome::Hit]);
}
