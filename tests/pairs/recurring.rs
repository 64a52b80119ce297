//! Values that are computed again and again, whatever option is beside that. By the clock on the wall.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cachekit::Cache;
use cachekit::testing::Scope;
use cachekit_tests::servers::Redis;

use crate::functions::{self, Function};
use crate::{Does, How, PATIENCE, Source};

/// Asks for a value until it was renewed twice.
fn ask(name: &str, function: &Function, source: &Source) {
    let end = Instant::now() + 3 * PATIENCE;
    let (mut begun, mut runs) = (Instant::now(), 0);
    while source.runs(1) < runs + 3 {
        let until = SystemTime::now() + Duration::from_secs(1000);
        let how = How { does: Does::Works, unless: false, forced: false, end: until };
        (function.call)(1, how, source.clone()).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(Instant::now() < end, "{name}: {} is not renewed", function.name());
        if begun.elapsed() > Duration::from_secs(3) {
            // This machine was away for so long that nobody asked between two times. It begins anew.
            (function.forget)(1);
            (begun, runs) = (Instant::now(), source.runs(1));
        }
    }
}

fn check(name: &str, url: &str) {
    let scope = Scope::new(Cache::from_url(url).unwrap());
    let subjects: Vec<_> =
        functions::recurring().into_iter().map(|function| (function, Source::default())).collect();
    thread::scope(|threads| {
        for (function, source) in &subjects {
            threads.spawn(|| scope.clone().run(|| ask(name, function, source)));
        }
    });
    // Nobody asks: one may be on its way, and one was asked for since the last.
    thread::sleep(Duration::from_millis(1000));
    let runs = || subjects.iter().map(|(_, source)| source.runs(1)).collect::<Vec<_>>();
    let last = runs();
    thread::sleep(Duration::from_millis(600));
    assert_eq!(runs(), last, "{name}: nobody asks");
    println!("{name}: {} functions whose values are computed again and again", subjects.len());
}

#[test]
fn in_process() {
    check("in process", "simple://?timeout=1000");
}

#[test]
fn in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    check("filesystem", &format!("filesystem://{}?timeout=1000", folder.path().display()));
}

#[test]
fn on_redis() {
    let Some(server) = Redis::start() else { return };
    check("redis", &format!("redis://{}?timeout=1000&operation_timeout=10s", server.address()));
}
