//! What the other options mean for a batch: all of them hold for each id by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::events::{EventKind, subscribe};
use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, ManualClock, SimpleCache, memoize};

use crate::support::{Runs, both};

static EVEN: Runs<u64> = Runs::new();

#[memoize(batch)]
fn even(ids: &[u64]) -> HashMap<u64, u64> {
    EVEN.note(ids);
    ids.iter().filter(|id| *id % 2 == 0).map(|id| (*id, *id)).collect()
}

#[test]
fn ids_that_the_body_leaves_out_are_asked_for_again() {
    both(|| {
        assert_eq!(even(&[1, 2, 3]), HashMap::from([(2, 2)]));
        assert_eq!(even(&[1, 2, 3]), HashMap::from([(2, 2)]));
        assert_eq!(EVEN.take(), [vec![1, 2, 3], vec![1, 3]]);
        assert_eq!((even::peek(1), even::peek(2)), (None, Some(2)));
    });
}

static EVEN_OR_NOT: Runs<u64> = Runs::new();

#[memoize(batch, cache_none, none_timeout = 10, timeout = 100)]
fn even_or_not(ids: &[u64]) -> HashMap<u64, u64> {
    EVEN_OR_NOT.note(ids);
    ids.iter().filter(|id| *id % 2 == 0).map(|id| (*id, *id)).collect()
}

#[test]
fn with_cache_none_it_is_cached_that_they_are_left_out() {
    for as_bytes in [false, true] {
        let clock = ManualClock::new();
        let backend = Faulty::new(SimpleCache::builder().clock(clock.clock()).build());
        let builder = Cache::builder().clock(clock.clock());
        let cache = if as_bytes { builder.backend(backend).build() } else { builder.build() };
        Scope::new(cache).run(|| {
            for _ in 0..2 {
                assert_eq!(even_or_not(&[1, 2, 3]), HashMap::from([(2, 2)]), "absent on hits as well");
            }
            assert_eq!(EVEN_OR_NOT.take(), [[1, 2, 3]]);
            assert_eq!(even_or_not::peek(1), Some(None));
            assert_eq!((even_or_not::peek(2), even_or_not::peek(5)), (Some(Some(2)), None));
            clock.advance(Duration::from_secs(11));
            even_or_not(&[1, 2, 3]);
            assert_eq!(EVEN_OR_NOT.take(), [[1, 3]], "with a lifetime of its own");
            clock.advance(Duration::from_secs(90));
            even_or_not(&[2]);
            assert_eq!(EVEN_OR_NOT.take(), [[2]]);
        });
    }
}

static PARSED: Runs<String> = Runs::new();

#[derive(Debug, PartialEq)]
struct NotANumber;

#[memoize(batch)]
fn parsed(texts: &[String]) -> HashMap<String, Result<i32, NotANumber>> {
    PARSED.note(texts);
    texts.iter().map(|text| (text.clone(), text.parse().map_err(|_| NotANumber))).collect()
}

static PARSED_OR_NOT: Runs<String> = Runs::new();

#[memoize(batch, cache_err)]
fn parsed_or_not(texts: &[String]) -> HashMap<String, Result<i32, String>> {
    PARSED_OR_NOT.note(texts);
    texts.iter().map(|text| (text.clone(), text.parse().map_err(|_| "no number".to_owned()))).collect()
}

static OPTIONAL: Runs<u64> = Runs::new();

#[memoize(batch)]
#[allow(clippy::option_option, reason = "what is listed may be nothing")]
fn optional(ids: &[u64]) -> Vec<Option<Option<u64>>> {
    OPTIONAL.note(ids);
    ids.iter().map(|id| Some((*id % 2 == 0).then_some(*id))).collect()
}

#[test]
fn an_error_of_one_id_is_not_cached_unless_asked_for() {
    let texts = ["1", "x"].map(str::to_owned);
    let only = |text: &str| vec![text.to_owned()];
    both(|| {
        for _ in 0..2 {
            let found = parsed(&texts);
            assert_eq!((&found["1"], &found["x"]), (&Ok(1), &Err(NotANumber)));
            let found = parsed_or_not(&texts);
            assert_eq!((&found["1"], &found["x"]), (&Ok(1), &Err("no number".to_owned())));
        }
        assert_eq!(PARSED.take(), [texts.to_vec(), only("x")]);
        assert_eq!(PARSED_OR_NOT.take(), [texts.to_vec()]);
        for _ in 0..2 {
            assert_eq!(optional(&[1, 2, 1]), [Some(None), Some(Some(2)), Some(None)]);
        }
        assert_eq!(OPTIONAL.take(), [vec![1, 2], vec![1]], "as is a `None` that is listed");
    });
}

static HOOKED: Runs<u64> = Runs::new();

#[memoize(
    batch = ids,
    unless = ids.contains(&0),
    forced_update = force,
    response_filter = |value: &u64| *value != 7,
    timeout_from = |value| Duration::from_secs(*value),
    args_to_ignore = [force],
)]
fn hooked(ids: &[u64], force: bool) -> HashMap<u64, u64> {
    HOOKED.note(ids);
    ids.iter().map(|id| (*id, *id)).collect()
}

#[test]
fn hooks_ask_about_each_value() {
    for as_bytes in [false, true] {
        let clock = ManualClock::new();
        let backend = Faulty::new(SimpleCache::builder().clock(clock.clock()).build());
        let builder = Cache::builder().clock(clock.clock());
        let cache = if as_bytes { builder.backend(backend).build() } else { builder.build() };
        Scope::new(cache).run(|| {
            hooked(&[0, 5, 7, 9], false);
            assert_eq!(hooked::peek(5), None, "unless");
            hooked(&[5, 7, 9], false);
            assert_eq!((hooked::peek(5), hooked::peek(7), hooked::peek(9)), (Some(5), None, Some(9)));
            hooked(&[5, 9], true);
            clock.advance(Duration::from_secs(6));
            assert_eq!((hooked::peek(5), hooked::peek(9)), (None, Some(9)));
            hooked(&[5, 9], false);
            assert_eq!(HOOKED.take(), [vec![0, 5, 7, 9], vec![5, 7, 9], vec![5, 9], vec![5]]);
        });
    }
}

#[memoize(batch, timeout = Duration::from_secs(seconds))]
fn dynamic(ids: &[u64], seconds: u64) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[test]
fn a_lifetime_may_be_computed_for_the_call() {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        dynamic(&[1], 5);
        dynamic(&[1], 50);
        clock.advance(Duration::from_secs(6));
        assert_eq!((dynamic::peek(1, 5), dynamic::peek(1, 50)), (None, Some(1)));
        dynamic::set_cache_timeout(Duration::from_secs(500));
        dynamic(&[1], 5);
        clock.advance(Duration::from_secs(6));
        assert_eq!(dynamic::peek(1, 5), Some(1));
    });
}

/// Not serde.
#[derive(Clone, Debug, PartialEq)]
struct Local(Arc<u64>);

#[memoize(batch, local, max_size = 2)]
fn local(ids: &[u64]) -> HashMap<u64, Local> {
    ids.iter().map(|id| (*id, Local(Arc::new(*id)))).collect()
}

#[test]
fn local_values_need_no_serde_and_are_bounded() {
    both(|| {
        assert_eq!(local(&[1, 2, 3, 4]).len(), 4);
        assert_eq!(local::stats().entries, Some(2));
    });
}

#[memoize(batch)]
fn told(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[test]
fn events_are_those_of_single_ids() {
    static SEEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
    let key = |id: u64| told::make_cache_key(id);
    let wanted = [key(1), key(2), key(3)];
    let listener = subscribe(move |event| {
        let place = match event.kind {
            EventKind::Hit => 0,
            EventKind::Miss => 1,
            EventKind::Stored => 2,
            _ => return,
        };
        if event.key.is_some_and(|key| wanted.iter().any(|wanted| wanted == key)) {
            SEEN[place].fetch_add(1, Ordering::SeqCst);
        }
    });
    let take = || SEEN.each_ref().map(|seen| seen.swap(0, Ordering::SeqCst));
    both(|| {
        take();
        told(&[1, 2, 1]);
        assert_eq!(take(), [0, 2, 2]);
        told(&[1, 2, 3]);
        assert_eq!(take(), [2, 1, 1]);
    });
    drop(listener);
}

/// A backend that fails costs the cache, not the values.
#[test]
fn a_failing_backend_is_done_without() {
    let faulty = Arc::new(Faulty::new(SimpleCache::new()));
    let cache = Cache::builder().shared_backend(faulty.clone()).build();
    Scope::new(cache).run(|| {
        told(&[1]);
        faulty.fail(true);
        let errors = told::stats().errors;
        assert_eq!(told(&[1, 2]).len(), 2);
        assert_eq!(told::stats().errors, errors + 1, "asked once, and not again to store");
        faulty.fail(false);
        assert_eq!((told::peek(1), told::peek(2)), (Some(1), None));
    });
}
