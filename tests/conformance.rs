//! The conformance kit on every backend that needs no server, each trial a test of its own. On those that need one it runs
//! in the tests `redis`, `memcached` and `uwsgi`.

#[path = "conformance/broken.rs"]
mod broken;
#[path = "conformance/plain.rs"]
mod plain;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cachekit::testkit::{Target, trials};
use cachekit::{FileSystemConfig, NullCache, SimpleCache, testing::Faulty};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let targets = targets();
    let tests = targets.iter().flat_map(trials).map(|trial| {
        Trial::test(trial.name, move || (trial.run)().map_err(|failed| failed.to_string().into()))
    });
    let of_the_kit =
        broken::tests().map(|(name, test)| Trial::test(name, move || test().map_err(Into::into)));
    libtest_mimic::run(&arguments, tests.chain(of_the_kit).collect()).exit_code()
}

fn targets() -> [Target; 6] {
    [
        Target::new("NullCache", |_| Ok(Arc::new(NullCache))),
        Target::new("SimpleCache", |clock| {
            Ok(Arc::new(SimpleCache::builder().threshold(10_000).clock(clock).build()))
        }),
        file_system(),
        // What declares to do the least: what is absent is tried, too.
        Target::new("Plain", |clock| Ok(Arc::new(plain::Plain::new(10_000, clock)))),
        // Whose clock nobody can move is waited for.
        Target::new("Waiting", |_| Ok(Arc::new(plain::Plain::by_the_machines_clock(10_000)))),
        // What stands in for a backend outside this process in users' tests keeps the contract, too.
        Target::new("Faulty", |clock| {
            Ok(Arc::new(Faulty::new(SimpleCache::builder().threshold(10_000).clock(clock).build())))
        }),
    ]
}

/// A folder for each trial; all are removed after the last one.
fn file_system() -> Target {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let next = AtomicUsize::new(0);
    Target::new("FileSystemCache", move |clock| {
        let folder = scratch.path().join(next.fetch_add(1, Ordering::Relaxed).to_string());
        Ok(Arc::new(FileSystemConfig::new(folder).threshold(10_000).clock(clock).build()?))
    })
}
