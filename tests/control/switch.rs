//! The switch of the process. What is global needs a process of its own, so each scenario is a child.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use cachekit::testing::Scope;
use cachekit::{Cache, is_enabled, memoize, set_enabled};

use crate::support::{in_each, until};

static RUNS: AtomicU64 = AtomicU64::new(0);

#[memoize]
fn value(n: u64) -> (u64, u64) {
    (n, RUNS.fetch_add(1, SeqCst))
}

/// Whether this process is the child that runs a scenario; otherwise runs the child, and says what it printed.
fn is_child(scenario: &str, environment: &[(&str, &str)]) -> bool {
    if std::env::var("CACHEKIT_SCENARIO").is_ok_and(|name| name == scenario) {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", scenario, "--nocapture"]).env("CACHEKIT_SCENARIO", scenario);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CACHE_")) {
        child.env_remove(name);
    }
    let output = child.envs(environment.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{scenario}: {text}");
    false
}

#[test]
fn off_is_off_and_on_is_on() {
    if !is_child("switch::off_is_off_and_on_is_on", &[]) {
        return;
    }
    in_each(|name, cache| {
        assert!(is_enabled());
        let cached = value(1);
        set_enabled(false);
        assert!(!is_enabled());
        assert_ne!(value(1), cached, "{name}");
        assert_ne!(value(2), value(2), "{name}");
        assert_eq!(value::peek(1), None, "{name}");
        value::refresh(2);
        assert_eq!(cache.get_or_insert_with("k", 60, || 1), 1, "{name}");
        assert_eq!(cache.get_or_insert_with("k", 60, || 2), 2, "{name}");
        cache.set("mine", "kept", 60).unwrap();
        assert_eq!(cache.get::<String>("mine").unwrap().as_deref(), Some("kept"), "{name}: asked by hand");
        set_enabled(true);
        assert_eq!((value(1), value::peek(2)), (cached, None), "{name}");
    });
}

#[test]
fn what_is_invalidated_while_off_is_not_served_later() {
    if !is_child("switch::what_is_invalidated_while_off_is_not_served_later", &[]) {
        return;
    }
    in_each(|name, cache| {
        for n in 0..4 {
            value(n);
        }
        set_enabled(false);
        assert!(value::delete_memoized_with(0).unwrap(), "{name}");
        cache.delete(&value::make_cache_key(1)).unwrap();
        set_enabled(true);
        assert_eq!((value::peek(0), value::peek(1)), (None, None), "{name}");
        assert!(value::peek(2).is_some() && value::peek(3).is_some(), "{name}");
        set_enabled(false);
        value::delete_memoized().unwrap();
        set_enabled(true);
        assert_eq!((value::peek(2), value::peek(3)), (None, None), "{name}");
    });
}

/// A computation that began while caching was on, and was invalidated while it was off.
#[test]
fn a_late_result_is_not_stored() {
    static STEP: AtomicU64 = AtomicU64::new(0);
    #[memoize]
    fn late(n: u64) -> u64 {
        STEP.store(1, SeqCst);
        until(|| STEP.load(SeqCst) == 2);
        n
    }
    if !is_child("switch::a_late_result_is_not_stored", &[]) {
        return;
    }
    thread::scope(|scope| {
        scope.spawn(|| late(1));
        until(|| STEP.load(SeqCst) == 1);
        set_enabled(false);
        late::delete_memoized_with(1).unwrap();
        set_enabled(true);
        STEP.store(2, SeqCst);
    });
    assert_eq!(late::peek(1), None);
}

/// The next call of every thread runs the body, also where the last one was a hit of a few nanoseconds.
#[test]
fn it_holds_for_the_next_call_of_every_thread() {
    const THREADS: u64 = 4;
    static TURN: AtomicU64 = AtomicU64::new(0);
    static SEEN: AtomicU64 = AtomicU64::new(0);
    if !is_child("switch::it_holds_for_the_next_call_of_every_thread", &[]) {
        return;
    }
    value(9);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for turn in 1..=200 {
                    while TURN.load(SeqCst) < turn {
                        assert_eq!(value(9).0, 9);
                    }
                    let (first, second) = (value(9), value(9));
                    assert_eq!(first == second, turn % 2 == 0, "turn {turn}");
                    SEEN.fetch_add(1, SeqCst);
                    until(|| SEEN.load(SeqCst) >= turn * THREADS);
                }
            });
        }
        for turn in 1..=200 {
            until(|| SEEN.load(SeqCst) == (turn - 1) * THREADS);
            set_enabled(turn % 2 == 0);
            TURN.store(turn, SeqCst);
        }
    });
}

#[test]
fn the_environment_says_how_it_begins() {
    for (scenario, text) in [("off", "false"), ("off", "0"), ("on", "yes"), ("off", "perhaps")] {
        let scenario = format!("switch::begins_{scenario}");
        assert!(!is_child(&scenario, &[("CACHE_ENABLED", text), ("CACHE_DEFAULT_TIMEOUT", "60")]), "{text}");
    }
}

#[test]
fn begins_off() {
    if std::env::var_os("CACHEKIT_SCENARIO").is_none() {
        return; // Run by `the_environment_says_how_it_begins`.
    }
    assert_ne!(value(1), value(1), "before anybody asked");
    assert!(!is_enabled());
    // An installed cache is switched off as well, and the cache itself is there.
    Scope::new(Cache::builder().build()).run(|| assert_ne!(value(1), value(1)));
    cachekit::current().set("k", &1, 60).unwrap();
    assert_eq!(cachekit::current().get::<u64>("k").unwrap(), Some(1));
    set_enabled(true);
    assert_eq!(value(1), value(1));
}

#[test]
fn begins_on() {
    if std::env::var_os("CACHEKIT_SCENARIO").is_none() {
        return; // Run by `the_environment_says_how_it_begins`.
    }
    assert_eq!(value(1), value(1));
    assert!(is_enabled());
}

#[test]
fn it_is_no_setting_of_one_cache() {
    let error = cachekit::Config::new().set("CACHE_ENABLED", "false").unwrap_err();
    assert!(error.to_string().contains("set_enabled"), "{error}");
}
