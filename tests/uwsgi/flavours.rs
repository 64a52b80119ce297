//! The conformance kit, on the blocking operations and on the async ones.

use std::sync::{Arc, OnceLock};

use cachekit::testkit::{Target, Trial, trials};
use cachekit_tests::flavours::{Driver, OnlyAsync};
use cachekit_tests::servers::Uwsgi;

use crate::backend::store;

/// A server with room for what the kit stores, and what it clears: uWSGI keeps that until it is stored again.
fn roomy() -> Option<&'static Uwsgi> {
    static SERVER: OnceLock<Option<Uwsgi>> = OnceLock::new();
    SERVER.get_or_init(|| Uwsgi::builder().items(20_000).blocksize(131_072).start()).as_ref()
}

#[test]
fn case_276_the_kit_on_the_blocking_operations() {
    let Some(server) = roomy() else { return };
    let target = Target::new("UWSGICache", |_| Ok(Arc::new(store(server, 131_072))));
    run(trials(&target));
}

#[test]
fn case_276_the_kit_on_the_async_operations() {
    let Some(server) = roomy() else { return };
    let target = Target::new("UWSGICache, async", |_| {
        let inner = Arc::new(store(server, 131_072));
        Ok(Arc::new(OnlyAsync { inner, driver: Driver::Tokio }))
    });
    run(trials(&target));
}

/// Runs a few trials at a time: most of them wait for something to expire.
fn run(trials: Vec<Trial>) {
    let trials = std::sync::Mutex::new(trials.into_iter());
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(trial) = trials.lock().unwrap().next() else { return };
                    if let Err(failed) = (trial.run)() {
                        failures.lock().unwrap().push(format!("{}: {failed}", trial.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
