//! Namespaces: functions that are forgotten together.

use std::collections::HashMap;

use super::everywhere::everywhere;
use super::tags::in_round_trips;
use super::*;
use cachekit::{AfterCommit, cached, memoize, methods};

#[memoize(namespace = "shop", timeout = 600, tags = ["article:{article}"])]
fn price(article: u64) -> u64 {
    article * 2
}

#[memoize(batch, namespace = "shop", timeout = 600)]
async fn stock(articles: &[u64]) -> HashMap<u64, u64> {
    articles.iter().map(|article| (*article, article % 7)).collect()
}

#[cached(key_prefix = "shop/front", namespace = "shop")]
fn front() -> String {
    "front".to_owned()
}

trait Priced {
    fn total(&self) -> u64;
    fn name(&self) -> String;
}

#[derive(Hash)]
struct Basket(u64);

#[methods(namespace = "shop")]
impl Priced for Basket {
    #[memoize(timeout = 600)]
    fn total(&self) -> u64 {
        self.0
    }

    #[memoize(timeout = 600, namespace = "names")]
    fn name(&self) -> String {
        format!("basket {}", self.0)
    }
}

/// Of no namespace, with a tag that looks like one.
#[memoize(timeout = 600, tags = ["@shop", "shop"])]
fn other(n: u64) -> u64 {
    n
}

/// Made from what is in it.
#[memoize(timeout = 600, inherit)]
fn offer(article: u64) -> u64 {
    price(article) - 1
}

#[test]
fn a_namespace_is_forgotten_as_one() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let fill = || {
                assert_eq!((price(4), offer(4), other(1)), (8, 7, 1), "{backend}");
                assert_eq!(runtime.block_on(stock(&[8, 9])), HashMap::from([(8, 1), (9, 2)]), "{backend}");
                assert_eq!(
                    (front(), Basket(3).total(), Basket(3).name()),
                    ("front".into(), 3, "basket 3".into())
                );
            };
            let there = || {
                let own = [price::peek(4).is_some(), offer::peek(4).is_some(), front::peek().is_some()];
                let more = [runtime.block_on(stock::peek(8)).is_some(), Basket(3).total_peek().is_some()];
                let others = [other::peek(1).is_some(), Basket(3).name_peek().is_some()];
                (own, more, others)
            };
            let (all, gone, others) =
                (([true; 3], [true; 2], [true; 2]), ([false; 3], [false; 2]), [true; 2]);
            fill();
            assert_eq!(there(), all, "{backend}");
            cache.invalidate_namespace("shop").unwrap();
            assert_eq!(there(), (gone.0, gone.1, others), "{backend}");
            fill();
            runtime.block_on(cache.invalidate_namespace_async("shop")).unwrap();
            assert_eq!(there(), (gone.0, gone.1, others), "{backend}");
            fill();
            assert_eq!(there(), all, "{backend}");
            for tag in ["@shop", "shop"] {
                cache.invalidate_tag(tag).unwrap();
                assert_eq!(other::peek(1), None, "{backend}: {tag}");
                assert!(price::peek(4).is_some(), "{backend}: a tag is no namespace");
                other(1);
            }
            cache.invalidate_namespace("names").unwrap();
            assert_eq!(there(), ([true; 3], [true; 2], [true, false]), "{backend}");
        });
    });
}

#[test]
fn its_name_is_in_the_keys() {
    assert!(price::make_cache_key(4).starts_with("shop:freshness::namespaces::price:"));
    assert_eq!(front::make_cache_key(), "shop/front", "a key of one's own stays as it is");
    Scope::new(Cache::builder().build()).run(|| {
        price(4);
        cachekit::delete_memoized!(price).unwrap();
        assert_eq!(price::peek(4), None, "the function alone");
    });
}

#[memoize(namespace = "waiting", args_to_ignore = [go])]
fn waits(count: Count, go: Arc<std::sync::Barrier>) -> usize {
    let n = count.up();
    if n == 1 {
        go.wait();
        go.wait();
    }
    n
}

#[test]
fn what_was_being_computed_is_not_kept() {
    everywhere(|backend, cache| {
        let scope = Scope::new(cache.clone());
        let (count, go) = (Count::default(), Arc::new(std::sync::Barrier::new(2)));
        std::thread::scope(|threads| {
            let first = threads.spawn(|| scope.run(|| waits(count.clone(), go.clone())));
            go.wait();
            cache.invalidate_namespace("waiting").unwrap();
            assert_eq!(scope.run(|| waits(count.clone(), go.clone())), 2, "{backend}");
            go.wait();
            assert_eq!(first.join().unwrap(), 1, "{backend}");
        });
        assert_eq!(scope.run(|| waits::peek(count.clone())), Some(2), "{backend}");
    });
}

#[test]
fn it_waits_for_a_commit() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            price(4);
            let transaction = AfterCommit::new();
            transaction.run(|| {
                cache.invalidate_namespace("shop").unwrap();
                assert_eq!(price::peek(4), None, "{backend}: not for who invalidated");
            });
            assert_eq!(price::peek(4), Some(8), "{backend}: not yet");
            transaction.rollback();
            assert_eq!(price::peek(4), Some(8), "{backend}");
            let transaction = AfterCommit::new();
            transaction.run(|| cache.invalidate_namespace("shop")).unwrap();
            transaction.commit().unwrap();
            assert_eq!(price::peek(4), None, "{backend}");
        });
    });
}

#[test]
fn a_hit_in_a_namespace_is_one_round_trip() {
    let forget = |cache: &Cache| cache.invalidate_namespace("shop");
    in_round_trips("in a namespace", price, forget, |server| {
        assert!((0..20).all(|article| price::peek(article).is_none()), "{server}");
    });
}
