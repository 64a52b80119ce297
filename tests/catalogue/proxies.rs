//! 1B: the operations that a cache hands on to its backend.

use crate::world::everywhere;

#[test]
fn case_036_set_then_get() {
    everywhere(|w| {
        w.cache.set("hi", "hello", 60).unwrap();
        assert_eq!(w.cache.get::<String>("hi").unwrap().as_deref(), Some("hello"));
    });
}

#[test]
fn case_037_add_then_has() {
    everywhere(|w| {
        assert!(w.cache.add("hi", "hello", 60).unwrap());
        assert!(w.cache.has("hi").unwrap());
    });
}

#[test]
fn case_038_a_second_add_changes_nothing() {
    everywhere(|w| {
        assert!(w.cache.add("hi", "hello", 60).unwrap());
        assert!(!w.cache.add("hi", "foobar", 60).unwrap());
        assert_eq!(w.cache.get::<String>("hi").unwrap().as_deref(), Some("hello"));
    });
}

#[test]
fn case_039_delete() {
    everywhere(|w| {
        w.cache.set("hi", "hello", 60).unwrap();
        assert!(w.cache.delete("hi").unwrap());
        assert_eq!(w.cache.get::<String>("hi").unwrap(), None);
    });
}

#[test]
fn case_041_delete_many_removes_what_is_there_among_what_is_not() {
    everywhere(|w| {
        w.cache.set("hi", "hello", 60).unwrap();
        assert_eq!(w.cache.delete_many(&["ready", "hi"]).unwrap(), ["ready", "hi"]);
        assert_eq!(w.cache.get::<String>("hi").unwrap(), None);
    });
}

#[test]
fn case_042_and_043_delete_many_takes_one_key_or_several() {
    everywhere(|w| {
        for key in ["a", "b", "c"] {
            w.cache.set(key, key, 60).unwrap();
        }
        w.cache.delete_many(&["a"]).unwrap();
        assert_eq!(w.cache.get_many::<String>(&["a", "b"]).unwrap(), [None, Some("b".to_owned())]);
        w.cache.delete_many(&["b", "c"]).unwrap();
        assert_eq!(w.cache.get_many::<String>(&["b", "c"]).unwrap(), [None, None]);
    });
}

#[tokio::test]
async fn cases_036_037_038_039_041_042_043_the_async_flavour_of_each() {
    let cache = cachekit::Cache::builder().build();
    cache.set_async("hi", "hello", 60).await.unwrap();
    assert_eq!(cache.get_async::<String>("hi").await.unwrap().as_deref(), Some("hello"));
    assert!(!cache.add_async("hi", "foobar", 60).await.unwrap());
    assert!(cache.add_async("ho", "foobar", 60).await.unwrap());
    assert!(cache.has_async("ho").await.unwrap());
    assert!(cache.delete_async("hi").await.unwrap());
    assert_eq!(
        cache.get_many_async::<String>(&["hi", "ho"]).await.unwrap(),
        [None, Some("foobar".to_owned())]
    );
    assert_eq!(cache.get_dict_async::<String>(&["hi"]).await.unwrap()["hi"], None);
    assert_eq!(cache.set_many_async(&[("a", 1), ("b", 2)], 60).await.unwrap(), ["a", "b"]);
    assert_eq!(cache.inc_async("a", 5).await.unwrap(), 6);
    assert_eq!(cache.dec_async("a", 2).await.unwrap(), 4);
    assert_eq!(cache.delete_many_async(&["a", "b"]).await.unwrap(), ["a", "b"]);
    assert!(cache.delete_cached_async("ho").await.unwrap());
    cache.set_async("hi", "hello", 60).await.unwrap();
    cache.clear_async().await.unwrap();
    assert!(!cache.has_async("hi").await.unwrap());
}
