//! Values that are computed again and again, whatever option is beside that. By the clock on the wall.

use std::time::{Duration, SystemTime};

use cachekit::Cache;
use cachekit::testing::Scope;
use cachekit_tests::servers::Redis;

use crate::functions;
use crate::{Does, How, PATIENCE, Source};

fn check(name: &str, url: &str) {
    let scope = Scope::new(Cache::from_url(url).unwrap());
    let subjects: Vec<_> =
        functions::recurring().into_iter().map(|function| (function, Source::default())).collect();
    scope.run(|| {
        let how = || {
            let end = SystemTime::now() + Duration::from_secs(1000);
            How { does: Does::Works, unless: false, forced: false, end }
        };
        let end = std::time::Instant::now() + PATIENCE;
        let is_left = |(function, source): &&(functions::Function, Source)| {
            // Every use has it renewed as well.
            !function.options.has("early") && source.runs(1) < 3
        };
        loop {
            for (function, source) in &subjects {
                (function.call)(1, how(), source.clone()).unwrap();
            }
            let left: Vec<_> = subjects.iter().filter(is_left).map(|(function, _)| function.name()).collect();
            if left.is_empty() {
                break;
            }
            assert!(std::time::Instant::now() < end, "{name}: not renewed: {left:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        // Nobody asks: one may be on its way, and one was asked for since the last.
        std::thread::sleep(Duration::from_millis(600));
        let runs = || subjects.iter().map(|(_, source)| source.runs(1)).collect::<Vec<_>>();
        let last = runs();
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(runs(), last, "{name}: nobody asks");
    });
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
