//! Values that are computed anew every so often, for as long as somebody asks for them. By the clock on the wall.

use super::*;
use cachekit::{delete_memoized, memoize};

#[memoize(timeout = 600, refresh_every = "50ms")]
fn often(count: Count, text: &str, tail: String) -> usize {
    count.up() + text.len() + tail.len()
}

#[test]
fn what_is_asked_for_is_renewed_and_what_is_not_no_more() {
    let scope = Scope::new(Cache::builder().build());
    scope.run(|| {
        let (count, other) = (Count::default(), Count::default());
        assert_eq!(often(count.clone(), "", String::new()), 1);
        assert_eq!(often(other.clone(), "", String::new()), 1);
        until("it is renewed again and again", || {
            often(count.clone(), "", String::new());
            count.get() >= 4
        });
        assert_eq!(other.get(), 1, "nobody asked for this one");
        // A refresh may be on its way; after that nobody asks, and it stops.
        std::thread::sleep(Duration::from_millis(200));
        let last = count.get();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(count.get(), last);
        assert_eq!(
            often::peek(count.clone(), "", String::new()),
            Some(last),
            "it is there until its timeout"
        );
        assert!(often::stats().misses >= 2);
    });
}

#[test]
fn what_is_forgotten_is_computed_by_who_asks() {
    let scope = Scope::new(Cache::builder().build());
    scope.run(|| {
        let count = Count::default();
        often(count.clone(), "", String::new());
        often(count.clone(), "", String::new());
        delete_memoized!(often, count.clone(), "", String::new()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(often::peek(count.clone(), "", String::new()), None);
        let last = count.get();
        assert_eq!(often(count.clone(), "", String::new()), last + 1);
    });
}

#[memoize(timeout = 600, refresh_every = "50ms")]
async fn often_async(count: Count, text: &str) -> usize {
    tokio::task::yield_now().await;
    count.up() + text.len()
}

#[tokio::test]
async fn async_functions_are_renewed_on_the_runtime_they_began_on() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["simple://".to_owned(), format!("filesystem://{}", folder.path().display())] {
        let scope = Scope::new(Cache::from_url(&url).unwrap());
        let mut count = Count::default();
        scope
            .run_async(async {
                let end = Instant::now() + secs(30);
                let mut pause = Instant::now() + secs(3);
                while count.get() < 4 {
                    assert!(Instant::now() < end, "never: {url}");
                    if Instant::now() > pause {
                        // It ends when nobody asks for 50 ms, as on a busy machine: another value begins again.
                        (count, pause) = (Count::default(), Instant::now() + secs(3));
                    }
                    often_async(count.clone(), "").await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
    }
}
