//! 1I and part 3: template fragments.

use cachekit::{delete_fragment, fragment, fragment_async, fragment_key, try_fragment};
use std::time::Duration;

use crate::world::{Count, everywhere, fresh};

fn number(name: &str, vary: &[&dyn std::fmt::Display]) -> String {
    fragment(name, vary, 60, || fresh().to_string())
}

#[test]
fn case_178_180_182_a_fragment_is_stored_under_its_published_key() {
    everywhere(|w| {
        let variable = "value";
        let keys: [&[&dyn std::fmt::Display]; 4] = [&[], &[&"key1"], &[&"key1", &variable], &[&7]];
        for vary in keys {
            let text = number("name", vary);
            assert_eq!(w.cache.get::<String>(&fragment_key("name", vary)).unwrap(), Some(text.clone()));
            assert_eq!(number("name", vary), text);
        }
        assert_eq!(fragment("empty", &[], 60, String::new), "");
        assert_eq!(fragment("empty", &[], 60, || "not rendered".to_owned()), "", "an empty one is one");
    });
}

#[test]
fn case_179_one_is_removed_and_others_stay() {
    everywhere(|w| {
        let (one, other) = (number("one", &[]), number("other", &[]));
        assert!(delete_fragment("one", &[]).unwrap());
        assert!(!delete_fragment("one", &[]).unwrap());
        assert_ne!(number("one", &[]), one);
        assert_eq!(number("other", &[]), other);
        assert!(w.cache.delete(&fragment_key("other", &[])).unwrap());
        assert_ne!(number("other", &[]), other);
    });
}

#[test]
fn a_fragment_lives_as_long_as_it_says() {
    everywhere(|w| {
        let (short, ever) = (number("short", &[]), fragment("ever", &[], 0, || fresh().to_string()));
        w.pass(59);
        assert_eq!(number("short", &[]), short);
        w.pass(1);
        assert_ne!(number("short", &[]), short);
        w.pass(100_000);
        assert_eq!(fragment("ever", &[], 0, String::new), ever);
        let half = || fragment("half", &[], Duration::from_millis(500), || fresh().to_string());
        assert_eq!(half(), half());
    });
}

#[test]
fn case_352_no_two_lists_share_a_fragment() {
    everywhere(|_| {
        let texts = [
            number("a", &[&"b", &"c"]),
            number("a", &[&"b_c"]),
            number("a", &[&"b,c"]),
            number("a,b", &[&"c"]),
            number("a_b_c", &[]),
            number("a", &[&"b", &"c", &""]),
        ];
        for (index, text) in texts.iter().enumerate() {
            assert!(!texts[..index].contains(text));
        }
    });
}

#[test]
fn case_354_what_cannot_be_rendered_is_tried_once_and_not_stored() {
    static RUNS: Count = Count::new();
    everywhere(|_| {
        let failed = try_fragment("page", &[], 60, || {
            RUNS.one();
            Err::<String, _>("no such template")
        });
        assert_eq!((failed, RUNS.take()), (Err("no such template"), 1));
        assert_eq!(try_fragment("page", &[], 60, || Ok::<_, &str>("text".to_owned())), Ok("text".to_owned()));
        assert_eq!(try_fragment("page", &[], 60, || Err("not tried")), Ok("text".to_owned()));
    });
}

#[test]
fn an_async_one_is_the_same_fragment() {
    everywhere(|_| {
        let text = number("page", &[&1]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = || runtime.block_on(fragment_async("page", &[&1], 60, async || fresh().to_string()));
        assert_eq!(read(), text);
        assert!(runtime.block_on(cachekit::delete_fragment_async("page", &[&1])).unwrap());
        assert_ne!(read(), text);
        assert_eq!(read(), number("page", &[&1]));
    });
}
