//! The caches of a program: installed once, found again when that happens, overridden in scopes, configured by the
//! environment. What is global needs a process of its own, so each scenario is a child that runs this binary again.

#![allow(clippy::unwrap_used, clippy::needless_for_each, reason = "a test says so by panicking")]

use std::cell::Cell;
use std::process::Command;
use std::thread;

use cachekit::{Cache, ErrorKind, NullCache, SimpleCache, memoize, testing::Scope};

thread_local! {
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

#[memoize]
fn square(n: u64) -> u64 {
    RUNS.set(RUNS.get() + 1);
    n * n
}

#[memoize(cache = "sessions")]
fn session(n: u64) -> u64 {
    RUNS.set(RUNS.get() + 1);
    n
}

#[memoize(local)]
fn local(n: u64) -> u64 {
    RUNS.set(RUNS.get() + 1);
    n
}

/// The runs of the body that `call` caused.
fn runs<T>(call: impl FnOnce() -> T) -> usize {
    let before = RUNS.get();
    call();
    RUNS.get() - before
}

/// Runs a scenario in a process of its own.
fn in_child(scenario: &str, environment: &[(&str, &str)]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", scenario, "--nocapture"]).env("CACHEKIT_SCENARIO", scenario);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CACHE_")) {
        child.env_remove(name);
    }
    let output = child.envs(environment.iter().copied()).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {text}");
    text
}

/// Whether this process is the child that runs a scenario; otherwise runs the child.
fn is_child(scenario: &str, environment: &[(&str, &str)]) -> bool {
    if std::env::var("CACHEKIT_SCENARIO").is_ok_and(|name| name == scenario) {
        return true;
    }
    in_child(scenario, environment);
    false
}

#[test]
fn nothing_configured_is_an_in_process_cache() {
    if is_child("nothing_configured_is_an_in_process_cache", &[]) {
        assert_eq!(runs(|| square(3)), 1);
        assert_eq!(runs(|| square(3)), 0);
        assert_eq!(cachekit::current().backend().name(), "SimpleCache");
    }
}

#[test]
fn the_first_default_wins_and_the_rejected_one_comes_back() {
    if is_child("the_first_default_wins_and_the_rejected_one_comes_back", &[]) {
        cachekit::install(Cache::builder().key_prefix("first:").build()).unwrap();
        let rejected = cachekit::install(Cache::builder().key_prefix("second:").build()).unwrap_err();
        assert_eq!(rejected.to_string(), "conflict: expected no default cache to be installed yet");
        assert_eq!(rejected.into_cache().backend_key("k"), "second:k");
        assert_eq!(cachekit::current().backend_key("k"), "first:k");
    }
}

#[test]
fn functions_find_a_cache_that_is_installed_later() {
    if is_child("functions_find_a_cache_that_is_installed_later", &[]) {
        assert_eq!(runs(|| square(3)), 1);
        let cache = Cache::builder().build();
        cachekit::install(cache.clone()).unwrap();
        assert_eq!(runs(|| square(3)), 1, "the new cache is empty");
        assert_eq!(runs(|| square(3)), 0);
        assert_eq!(cache.get(&square::make_cache_key(3)).unwrap(), Some(9_u64));
        cachekit::install_named("other", Cache::builder().build()).unwrap();
        assert_eq!(runs(|| square(3)), 0, "another installation changes nothing for this function");
    }
}

#[test]
fn a_function_without_its_named_cache_runs_uncached_and_says_so() {
    if is_child("a_function_without_its_named_cache_runs_uncached_and_says_so", &[]) {
        assert_eq!(runs(|| (session(3), session(3))), 2);
        assert_eq!(session::stats().bypasses, 2);
        let error = session::delete_memoized().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("install_named"), "{error}");
        cachekit::install_named("sessions", Cache::builder().build()).unwrap();
        assert_eq!(runs(|| (session(3), session(3))), 1);
        let rejected = cachekit::install_named("sessions", Cache::builder().build()).unwrap_err();
        assert!(rejected.to_string().contains("`sessions`"), "{rejected}");
    }
}

#[test]
fn the_environment_switches_caching_off() {
    let environment = [("CACHE_TYPE", "NullCache"), ("CACHE_NO_NULL_WARNING", "true")];
    if is_child("the_environment_switches_caching_off", &environment) {
        assert_eq!(runs(|| (0..10).for_each(|_| drop(square(3).to_string()))), 10);
        assert_eq!(runs(|| (0..10).for_each(|_| drop(local(3).to_string()))), 10, "local values too");
        assert_eq!(square::stats().bypasses, 10);
        assert_eq!(square::peek(3), None);
        square::delete_memoized().unwrap();
    }
}

#[test]
fn the_environment_moves_functions_to_files() {
    let folder = std::env::temp_dir().join(format!("cachekit-registry-{}", std::process::id()));
    let path = folder.to_str().unwrap().to_owned();
    let environment = [("CACHE_TYPE", "FileSystemCache"), ("CACHE_DIR", path.as_str())];
    if is_child("the_environment_moves_functions_to_files", &environment) {
        // The second process finds what the first one stored.
        let expected = usize::from(std::env::var("CACHEKIT_AGAIN").is_err());
        assert_eq!(runs(|| square(3)), expected);
        assert_eq!(runs(|| square(3)), 0);
    } else {
        let again = [environment[0], environment[1], ("CACHEKIT_AGAIN", "1")];
        in_child("the_environment_moves_functions_to_files", &again);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_bad_environment_does_not_take_the_program_down() {
    if is_child("a_bad_environment_does_not_take_the_program_down", &[("CACHE_TYPE", "Reddis")]) {
        // Without a cache: one of this process would not hear of what others forget in the one that was meant.
        assert_eq!(runs(|| (square(3), square(3))), 2);
        let error = Cache::from_env().unwrap_err();
        assert!(error.to_string().contains("SimpleCache"), "lists what is known: {error}");
    }
}

#[test]
fn scopes_nest_and_end_with_a_panic() {
    let (outer, inner) = (Cache::builder().build(), Cache::builder().build());
    Scope::new(outer).run(|| {
        assert_eq!(runs(|| square(100)), 1);
        let panicked = std::panic::catch_unwind(|| {
            Scope::new(inner).run(|| {
                assert_eq!(runs(|| square(100)), 1);
                panic!("leaves the scope");
            });
        });
        assert!(panicked.is_err());
        assert_eq!(square::peek(100), Some(10_000));
        assert_eq!(runs(|| square(100)), 0, "the outer scope again");
    });
}

#[test]
fn a_scope_gives_names_caches_of_their_own() {
    let (default, sessions) = (Cache::builder().build(), Cache::builder().build());
    Scope::new(default.clone()).named("sessions", sessions.clone()).run(|| {
        session(7);
        assert_eq!(sessions.get(&session::make_cache_key(7)).unwrap(), Some(7_u64));
        assert_eq!(default.get::<u64>(&session::make_cache_key(7)).unwrap(), None);
    });
}

#[test]
fn a_task_keeps_its_scope_across_threads() {
    #[memoize]
    async fn hop(n: u64) -> u64 {
        tokio::task::yield_now().await;
        n + 1
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                tokio::spawn(async {
                    let cache = Cache::builder().build();
                    Scope::new(cache.clone())
                        .run_async(async {
                            for _ in 0..20 {
                                hop(1).await;
                                tokio::task::yield_now().await;
                            }
                        })
                        .await;
                    assert_eq!(cache.get(&hop::make_cache_key(1)).unwrap(), Some(2_u64));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn threads_have_scopes_of_their_own() {
    thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || {
                let cache = Cache::builder().backend(SimpleCache::new()).build();
                Scope::new(cache.clone()).run(|| square(n));
                assert_eq!(cache.get(&square::make_cache_key(n)).unwrap(), Some(n * n));
                assert_eq!(cache.get::<u64>(&square::make_cache_key(n + 1)).unwrap(), None);
            });
        }
    });
}

#[test]
fn a_scope_can_switch_caching_off() {
    Scope::new(Cache::builder().backend(NullCache).build()).run(|| {
        assert_eq!(runs(|| (local(41), local(41))), 2);
    });
}
