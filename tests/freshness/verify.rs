//! Hits that are compared with what the body gives.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use super::everywhere::everywhere;
use super::*;
use cachekit::events::{self, EventKind};
use cachekit::{CacheMode, VerifyStats, delete_memoized, memoize};

/// What the functions give: a number that a test sets, and how often they gave it.
#[derive(Clone, Debug, Default)]
struct Source(Arc<(AtomicUsize, AtomicUsize)>);

impl Source {
    fn set(&self, value: usize) {
        self.0.0.store(value, SeqCst);
    }

    fn get(&self) -> usize {
        self.0.1.fetch_add(1, SeqCst);
        self.0.0.load(SeqCst)
    }

    fn runs(&self) -> usize {
        self.0.1.load(SeqCst)
    }
}

/// What was counted since.
fn since(now: VerifyStats, before: VerifyStats) -> [u64; 5] {
    [
        now.matches - before.matches,
        now.mismatches - before.mismatches,
        now.superseded - before.superseded,
        now.expired - before.expired,
        now.dropped - before.dropped,
    ]
}

#[memoize(timeout = 600, verify = 1.0, args_to_ignore = [source])]
fn checked(_n: u64, source: Source) -> usize {
    source.get()
}

#[test]
fn what_is_served_is_compared_behind_the_caller() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let (source, before) = (Source::default(), checked::stats());
            let counted = || since(checked::stats().verified, before.verified);
            assert_eq!(checked(1, source.clone()), 0, "{backend}");
            assert_eq!((checked(1, source.clone()), counted()[4]), (0, 0), "{backend}");
            until(backend, || counted() == [1, 0, 0, 0, 0]);
            source.set(7);
            assert_eq!(checked(1, source.clone()), 0, "{backend}: it changes nothing about what is served");
            until(backend, || counted() == [1, 1, 0, 0, 0]);
            assert_eq!(checked::peek(1), Some(0), "{backend}: nor about what is cached");
            let stats = checked::stats();
            assert_eq!((stats.hits - before.hits, stats.misses - before.misses), (2, 1), "{backend}");
            assert_eq!((stats.stored - before.stored, stats.refreshes), (1, 0), "{backend}");
            assert_eq!(source.runs(), 3, "{backend}");
        });
    });
}

#[test]
fn a_mismatch_is_told() {
    #[memoize(timeout = 600, verify = 1.0, args_to_ignore = [source])]
    fn told_of(source: Source) -> usize {
        source.get()
    }
    let scope = Scope::new(Cache::builder().build());
    let told = Arc::new(Mutex::new(Vec::new()));
    let key = scope.run(told_of::make_cache_key);
    let subscription = events::subscribe({
        let (told, key) = (told.clone(), key.clone());
        move |event| {
            if event.key == Some(&*key) {
                told.lock().unwrap().push(event.kind);
            }
        }
    });
    scope.run(|| {
        let source = Source::default();
        told_of(source.clone());
        source.set(1);
        told_of(source);
    });
    until("a mismatch is told", || told.lock().unwrap().contains(&EventKind::Mismatch));
    drop(subscription);
    let expected = [EventKind::Miss, EventKind::Stored, EventKind::Hit, EventKind::Mismatch];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[memoize(timeout = 600, verify = 1.0, args_to_ignore = [first, source])]
fn waits(_n: u64, first: Arc<Mutex<Option<std::sync::mpsc::Receiver<()>>>>, source: Source) -> usize {
    let value = source.get();
    let gate = first.lock().unwrap().take();
    if let Some(gate) = gate {
        let _ = gate.recv();
    }
    value
}

/// What the cache has by the time of the comparison decides what a difference means.
#[test]
fn what_changed_meanwhile_is_no_mismatch() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let (source, gate) = (Source::default(), Arc::new(Mutex::new(None)));
            let call = |n| waits(n, gate.clone(), source.clone());
            let counted = |before| since(waits::stats().verified, before);
            for (way, expected) in [("superseded", [0, 0, 1, 0, 0]), ("expired", [0, 0, 0, 1, 0])] {
                source.set(1);
                waits::refresh(1, gate.clone(), source.clone());
                let before = waits::stats().verified;
                let (go, held) = std::sync::mpsc::channel();
                *gate.lock().unwrap() = Some(held);
                source.set(2);
                assert_eq!(call(1), 1, "{backend}: {way}");
                until(way, || gate.lock().unwrap().is_none());
                // One at a time: whoever comes meanwhile is served and left out, whatever its key.
                let runs = source.runs();
                assert_eq!(call(1), 1, "{backend}: {way}");
                assert_eq!(counted(before), [0, 0, 0, 0, 1], "{backend}: {way}");
                assert_eq!(source.runs(), runs, "{backend}: {way}");
                source.set(3);
                match way {
                    "superseded" => drop(waits::refresh(1, gate.clone(), source.clone())),
                    _ => drop(delete_memoized!(waits, 1).unwrap()),
                }
                go.send(()).unwrap();
                let mut expected = expected;
                expected[4] = 1;
                until(way, || counted(before) == expected);
            }
        });
    });
}

#[memoize(timeout = 600, verify = 1.0, args_to_ignore = [fails])]
fn fails_later(fails: Arc<Mutex<u8>>) -> Result<u64, String> {
    match *fails.lock().unwrap() {
        0 => Ok(1),
        1 => Err("down".to_owned()),
        _ => panic!("as it is to"),
    }
}

#[test]
fn a_body_that_fails_says_nothing_and_hurts_nobody() {
    Scope::new(Cache::builder().build()).run(|| {
        let fails = Arc::new(Mutex::new(0));
        assert_eq!(fails_later(fails.clone()), Ok(1));
        for how in [1, 2] {
            *fails.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = how;
            assert_eq!(fails_later(fails.clone()), Ok(1));
            until("it is left out", || fails_later::stats().verified.dropped == u64::from(how));
        }
        assert_eq!(fails_later::peek(), Some(Ok(1)));
        assert_eq!(since(fails_later::stats().verified, VerifyStats::default()), [0, 0, 0, 0, 2]);
    });
}

#[memoize(timeout = 600, verify = 0.1, max_size = 10_000, args_to_ignore = [behind])]
fn some(n: u64, behind: Option<Arc<Mutex<std::sync::mpsc::Receiver<()>>>>) -> u64 {
    if std::thread::current().name() == Some("cachekit-refresh")
        && let Some(gate) = behind
    {
        let _ = gate.lock().unwrap().recv();
    }
    n
}

/// The same keys in every process, about as many as asked for. While one is being compared, the others are left out, and so
/// show at once which they are.
#[test]
fn a_share_of_the_keys_is_verified() {
    let (go, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let [one, other] = [(); 2].map(|()| Scope::new(Cache::builder().build()));
    let left_out = |n: u64, scope: &Scope| {
        scope.run(|| {
            some(n, None);
            let before = some::stats().verified.dropped;
            some(n, Some(held.clone()));
            some::stats().verified.dropped > before
        })
    };
    let first = (0..1000).find(|n| left_out(*n, &one)).expect("one in ten");
    let among = |scope| (first..first + 1000).filter(|n| left_out(*n, scope)).collect::<Vec<_>>();
    let ours = among(&one);
    println!("verified: {} of 1000 keys, of which 100 were asked for", ours.len());
    assert!((60..150).contains(&ours.len()), "{}", ours.len());
    assert_eq!(ours, among(&other), "the same ones elsewhere");
    drop(go);
    until("the one that was being compared", || some::stats().verified.matches == 1);
}

/// Maps are the same in whatever order they are; what cannot be compared is by its bytes.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Opaque(u64);

#[memoize(timeout = 600, verify = 1.0)]
fn map(n: u64) -> HashMap<u64, u64> {
    (0..n).map(|n| (n, n * n)).collect()
}

#[memoize(timeout = 600, verify = 1.0, args_to_ignore = [source])]
fn opaque(source: Source) -> Option<Opaque> {
    Some(Opaque(source.get() as u64))
}

#[test]
fn values_are_compared_as_their_type_says_or_by_their_bytes() {
    Scope::new(Cache::builder().build()).run(|| {
        for round in 1..20 {
            map(100);
            if round > 1 {
                until("a map is compared", || map::stats().verified.matches + 1 >= round);
            }
        }
        assert_eq!(map::stats().verified.mismatches, 0, "the order of a map is no difference");
        let source = Source::default();
        opaque(source.clone());
        opaque(source.clone());
        until("a match", || opaque::stats().verified.matches == 1);
        source.set(1);
        opaque(source.clone());
        until("a mismatch", || opaque::stats().verified.mismatches == 1);
    });
}

#[memoize(timeout = 600, verify = 1.0, args_to_ignore = [source])]
async fn later(_n: u64, source: Source) -> usize {
    tokio::task::yield_now().await;
    source.get()
}

#[test]
fn async_functions_are_verified_on_their_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    everywhere(|backend, cache| {
        let (scope, source, before) = (Scope::new(cache.clone()), Source::default(), later::stats().verified);
        let call = || runtime.block_on(scope.run_async(later(1, source.clone())));
        assert_eq!((call(), call()), (0, 0), "{backend}");
        until(backend, || since(later::stats().verified, before) == [1, 0, 0, 0, 0]);
        source.set(1);
        assert_eq!(call(), 0, "{backend}");
        until(backend, || since(later::stats().verified, before) == [1, 1, 0, 0, 0]);
    });
    // Without a runtime nobody waits for it: it is left out.
    let (scope, source, before) =
        (Scope::new(Cache::builder().build()), Source::default(), later::stats().verified);
    for _ in 0..2 {
        let mut call = std::pin::pin!(scope.run_async(later(2, source.clone())));
        let waker = std::task::Waker::noop();
        while call.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending() {}
    }
    assert_eq!((source.runs(), since(later::stats().verified, before)), (1, [0, 0, 0, 0, 1]));
}

#[test]
fn modes_that_do_not_read_or_store_are_left_alone() {
    #[memoize(timeout = 600, verify = 1.0, args_to_ignore = [source])]
    fn quiet(source: Source) -> usize {
        source.get()
    }
    Scope::new(Cache::builder().build()).run(|| {
        let source = Source::default();
        quiet(source.clone());
        for mode in [CacheMode::ReadOnly, CacheMode::Off, CacheMode::Refresh] {
            mode.scope(|| quiet(source.clone()));
        }
        assert_eq!((source.runs(), quiet::stats().verified), (3, VerifyStats::default()));
    });
}

#[memoize(timeout = 600, verify = 1.0, tags_from = |value: &usize| [format!("v:{value}")], args_to_ignore = [source])]
fn tagged(source: Source) -> usize {
    source.get()
}

/// What only the comparison computed has no say in what the value is found by.
#[test]
fn tags_of_what_is_compared_are_not_those_of_the_value() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let (source, before) = (Source::default(), tagged::stats().verified);
            tagged(source.clone());
            source.set(1);
            assert_eq!(tagged(source.clone()), 0, "{backend}");
            until(backend, || since(tagged::stats().verified, before) == [0, 1, 0, 0, 0]);
            cache.invalidate_tag("v:0").unwrap();
            assert_eq!(tagged(source.clone()), 1, "{backend}");
        });
    });
}
