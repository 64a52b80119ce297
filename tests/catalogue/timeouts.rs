//! 2B: what a timeout comes to.

use std::time::Duration;

use cachekit::{Config, Timeout};

use crate::world::{everywhere, everywhere_with};

#[test]
fn case_233_a_timeout_and_a_default_give_a_lifetime() {
    let seconds = Duration::from_secs;
    let cases = [
        (Timeout::from(42), Timeout::Default, Some(seconds(42))),
        (Timeout::from(300), Timeout::from(0), None),
        (Timeout::from(300), Timeout::from(60), Some(seconds(60))),
        (Timeout::from(0), Timeout::Default, None),
        (Timeout::from(300), seconds(60).into(), Some(seconds(60))),
        (Timeout::from(300), seconds(120).into(), Some(seconds(120))),
        (Timeout::from(300), seconds(86_400).into(), Some(seconds(86_400))),
        (Timeout::from(300), Duration::ZERO.into(), None),
        // Parts of a second are kept, not rounded up to a whole one.
        (Timeout::from(300), Duration::from_millis(500).into(), Some(Duration::from_millis(500))),
        (Timeout::from(300), Duration::from_millis(1200).into(), Some(Duration::from_millis(1200))),
        (seconds(60).into(), Timeout::Default, Some(seconds(60))),
        (seconds(60).into(), Timeout::from(30), Some(seconds(30))),
    ];
    for (default, timeout, lifetime) in cases {
        assert_eq!(
            timeout.or_default(default, &cachekit::Clock::SYSTEM),
            lifetime,
            "{timeout:?} where the default is {default:?}"
        );
    }
}

#[test]
fn case_233_and_234_the_default_of_a_cache_may_be_a_duration() {
    everywhere_with(
        |builder| builder.default_timeout(Duration::from_secs(5 * 60)),
        |w| {
            w.cache.set("k", "v", Timeout::Default).unwrap();
            w.pass(299);
            assert!(w.cache.has("k").unwrap());
            w.pass(1);
            assert!(!w.cache.has("k").unwrap());
        },
    );
}

#[test]
fn case_233_where_nothing_is_said_entries_live_for_five_minutes() {
    everywhere(|w| {
        w.cache.set("k", "v", Timeout::Default).unwrap();
        w.pass(299);
        assert!(w.cache.has("k").unwrap());
        w.pass(1);
        assert!(!w.cache.has("k").unwrap());
    });
}

#[test]
fn case_235_parts_of_a_second_are_kept() {
    everywhere(|w| {
        w.cache.set("k", "v", Duration::from_millis(100)).unwrap();
        w.clock.advance(Duration::from_millis(99));
        assert!(w.cache.has("k").unwrap());
        w.clock.advance(Duration::from_millis(1));
        assert!(!w.cache.has("k").unwrap());
    });
}

#[test]
fn case_237_a_text_that_is_no_timeout_is_an_error() {
    for text in ["soon", "1.5", "-1", "", "5 minutes"] {
        let error = Config::from_map([("CACHE_DEFAULT_TIMEOUT", text)]).unwrap_err();
        assert!(error.to_string().contains("CACHE_DEFAULT_TIMEOUT"), "{error}");
    }
    let config = Config::from_map([("CACHE_DEFAULT_TIMEOUT", "60")]).unwrap();
    assert_eq!(config.get_default_timeout(), Timeout::from(60));
}
