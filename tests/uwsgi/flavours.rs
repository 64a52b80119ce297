//! The conformance kit, on the blocking operations and on the async ones.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cachekit::testkit::{Target, Trial, trials};
use cachekit::{Answer, Backend, Capability, Read, Result, Seen};
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
    let target =
        Target::new("UWSGICache, async", |_| Ok(Arc::new(Asynchronous(Arc::new(store(server, 131_072))))));
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

/// A backend whose blocking operations are the async ones of another.
#[derive(Debug)]
struct Asynchronous(Arc<dyn Backend>);

/// Waits for an answer: a future that needs nobody's runtime.
fn wait<T: Unpin>(answer: Answer<'_, T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

impl Backend for Asynchronous {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn capability(&self) -> Capability {
        self.0.capability()
    }
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        wait(self.0.get_many_async(keys))
    }
    fn read_many(&self, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        wait(self.0.read_many_async(keys))
    }
    fn add_and_read(
        &self,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        wait(self.0.add_and_read_async(new, keys))
    }
    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        wait(self.0.set_many_async(items, lifetime))
    }
    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        wait(self.0.add_async(key, value, lifetime))
    }
    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        wait(self.0.compare_and_set_async(key, seen, value, lifetime))
    }
    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        wait(self.0.delete_many_async(keys))
    }
    fn has_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        wait(self.0.has_many_async(keys))
    }
    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        wait(self.0.increment_async(key, delta, lifetime))
    }
    fn clear(&self, prefix: &str) -> Result<()> {
        wait(self.0.clear_async(prefix))
    }
    // The twins of the kit run on the async operations themselves.
    fn get_many_async<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Result<Vec<Option<Vec<u8>>>>> {
        self.0.get_many_async(keys)
    }
    fn set_many_async<'a>(
        &'a self,
        items: &'a [(&'a str, &'a [u8])],
        lifetime: Option<Duration>,
    ) -> Answer<'a, Result<Vec<bool>>> {
        self.0.set_many_async(items, lifetime)
    }
}
