//! Callers who wait no longer than they say, and bodies that do not all run at once, whatever option is beside that.

use std::thread;
use std::time::Duration;

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache};

use crate::functions::{self, Function};
use crate::model::Part;
use crate::stores::{self, Store};
use crate::{Answer, Does, How, Source, Trouble, comes, nth};

/// One store after the other: callers who are left have no more than 64 threads together.
#[test]
fn on_every_store() {
    stores::in_process(check);
    stores::folder(check);
    stores::redis(check);
    stores::cluster(check);
    stores::memcached(check);
    stores::uwsgi(check);
}

/// An age at which no value is stale any more, and each is in its grace that has one.
const OLD: u64 = 3_100_000;

/// So many callers at a time, and threads to spare for what else goes on.
const CROWD: usize = 50;

fn call(
    cache: &Cache,
    clock: &cachekit::Clock,
    function: &Function,
    source: &Source,
    key: u64,
    does: Does,
) -> Answer {
    let end = clock.wall() + Duration::from_secs(1000);
    let how = How { does, unless: false, forced: false, end };
    Scope::new(cache.clone()).run(|| (function.call)(key, how, source.clone()))
}

fn check(store: &Store) {
    let [cache, _] = &store.caches;
    let clock = store.clock.clock();
    let with = |options: &[&str]| -> Vec<(Function, Source)> {
        let has_one = |function: &Function| options.iter().any(|option| function.options.has(option));
        functions::all().into_iter().filter(has_one).map(|function| (function, Source::default())).collect()
    };
    let (hard, soft) = (with(&["hard_timeout", "on_timeout"]), with(&["soft_timeout"]));
    for (function, source) in &soft {
        call(cache, &clock, function, source, 1, Does::Works).unwrap();
    }
    store.clock.advance(Duration::from_millis(OLD));
    // A caller with nothing.
    each(&hard, |function, source| {
        let given = call(cache, &clock, function, source, 2, Does::Waits);
        let late = if function.options.has("none_timeout") { Trouble::Nothing } else { Trouble::Late };
        assert_eq!(given, Err(late), "{}: {}", store.name, function.name());
        source.open();
        let peek = || Scope::new(cache.clone()).run(|| (function.peek)(2));
        assert!(comes(|| peek() == Some(nth(2, 1))), "{}: {}: {:?}", store.name, function.name(), peek());
    });
    // A caller with an old value.
    let soft: Vec<_> =
        soft.into_iter().filter(|(function, _)| function.options.part(OLD, 0) == Some(Part::Grace)).collect();
    each(&soft, |function, source| {
        let given = call(cache, &clock, function, source, 1, Does::Waits);
        assert_eq!(given, nth(1, 1), "{}: {}", store.name, function.name());
        source.open();
        let peek = || Scope::new(cache.clone()).run(|| (function.peek)(1));
        assert!(comes(|| peek() == Some(nth(1, 2))), "{}: {}: {:?}", store.name, function.name(), peek());
    });
    println!("{}: {} functions with a hard timeout, {} with a soft one", store.name, hard.len(), soft.len());
}

/// Tries each, many at a time.
fn each(subjects: &[(Function, Source)], check: impl Fn(&Function, &Source) + Sync) {
    for some in subjects.chunks(CROWD) {
        thread::scope(|threads| {
            for (function, source) in some {
                let check = &check;
                threads.spawn(move || check(function, source));
            }
        });
    }
}

/// While the backend is down, two bodies at a time and no more.
#[test]
fn a_limit_on_bodies() {
    let mut tried = 0;
    for function in functions::all().into_iter().filter(|function| function.options.has("recompute_limit")) {
        let backend = Faulty::new(SimpleCache::new());
        let cache = Cache::builder().backend(backend.clone()).flight_timeout(Duration::from_secs(60)).build();
        let source = Source::default();
        backend.fail(true);
        thread::scope(|threads| {
            for key in 1..=6 {
                let (cache, function, source) = (&cache, &function, &source);
                threads.spawn(move || {
                    let given = call(cache, &cachekit::Clock::SYSTEM, function, source, key, Does::Naps);
                    assert_eq!(given, nth(key, 1), "{}", function.name());
                });
            }
        });
        assert_eq!(source.most(), 2, "{}", function.name());
        tried += 1;
    }
    println!("{tried} functions with a limit, 6 callers each while the backend is down: 2 bodies at a time");
}
