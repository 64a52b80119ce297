//! A newer value in time: behind the caller, one for all, and never in the way of an invalidation.

use std::sync::{Condvar, Mutex};

use super::*;
use cachekit::{delete_memoized, memoize};

/// A gate that computations wait at.
#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_while(open, |open| !*open).unwrap());
    }
}

#[memoize(timeout = 10, stale = 60, args_to_ignore = [gate])]
fn slow(count: Count, gate: Arc<Gate>) -> usize {
    let n = count.up();
    if n > 1 {
        gate.pass();
    }
    n
}

#[test]
fn case_310_ten_thousand_callers_of_a_stale_value_get_it_and_one_computes() {
    let (scope, clock) = scope();
    let (count, gate) = (Count::default(), Arc::new(Gate::default()));
    scope.run(|| slow(count.clone(), gate.clone()));
    clock.advance(secs(10));
    std::thread::scope(|threads| {
        for _ in 0..10 {
            threads.spawn(|| {
                scope.run(|| {
                    (0..1000).for_each(|_| assert_eq!(slow(count.clone(), gate.clone()), 1));
                });
            });
        }
    });
    count.settles_at(2);
    gate.open();
    scope.run(|| until("the newer value", || slow::peek(count.clone()) == Some(2)));
    println!("10000 callers of a stale value, all given the old one: {} refresh", count.get() - 1);
    assert_eq!(count.get(), 2);
}

#[test]
fn an_invalidation_wins_over_a_refresh() {
    let (scope, clock) = scope();
    let (count, gate) = (Count::default(), Arc::new(Gate::default()));
    scope.run(|| {
        slow(count.clone(), gate.clone());
        clock.advance(secs(10));
        assert_eq!(slow(count.clone(), gate.clone()), 1);
        count.settles_at(2);
        delete_memoized!(slow, count.clone()).unwrap();
        assert_eq!(slow::peek(count.clone()), None);
        gate.open();
        assert_eq!(slow(count.clone(), gate.clone()), 3, "what was being computed is not what is asked for");
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(slow::peek(count.clone()), Some(3));
    });
}

#[memoize(timeout = 10, eager = 0.5)]
fn eager(count: Count) -> usize {
    count.up()
}

#[test]
fn a_value_in_use_is_renewed_before_it_ends() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        eager(count.clone());
        clock.advance(just_under(5));
        assert_eq!((eager(count.clone()), count.get()), (1, 1));
        clock.advance(TICK);
        assert_eq!(eager(count.clone()), 1, "the caller does not wait");
        count.settles_at(2);
        until("the newer value", || eager::peek(count.clone()) == Some(2));
        clock.advance(just_under(5));
        assert_eq!((eager(count.clone()), count.get()), (2, 2), "its time begins anew");
    });
}

#[memoize(timeout = 10, early = 1000000000.0)]
fn early(count: Count, input: &str) -> usize {
    std::thread::sleep(Duration::from_millis(1));
    count.up() + input.len()
}

#[test]
fn early_alone_renews_in_the_caller_who_drew_it_and_borrows_as_it_likes() {
    let (scope, _clock) = scope();
    scope.run(|| {
        let count = Count::default();
        early(count.clone(), "abc");
        // With such a factor every draw wins.
        assert_eq!(early(count.clone(), "abc"), 5);
        assert_eq!(early(count.clone(), "abc"), 6);
    });
}

struct Shop {
    name: String,
    count: Count,
}

impl std::hash::Hash for Shop {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Clone for Shop {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), count: self.count.clone() }
    }
}

trait Priced {
    fn priced(&self, article: &str) -> String;
}

impl Shop {
    #[memoize(timeout = 10, stale = 10)]
    fn offer(&self, article: &str, sizes: &[u8]) -> String {
        fn own(this: &Shop) -> &str {
            &this.name
        }
        let closure = || self.count.up();
        format!("{} {article} {sizes:?} {}", own(self), closure())
    }

    #[memoize(timeout = 10, stale = 10)]
    fn consume(self: Arc<Self>, article: String) -> String {
        format!("{} {article} {}", self.name, self.count.up())
    }
}

#[cachekit::methods]
impl Priced for Shop {
    #[memoize(timeout = 10, stale = 10)]
    fn priced(&self, article: &str) -> String {
        macro_rules! named {
            ($this:expr) => {
                $this.name.as_str()
            };
        }
        format!("{} {article} {}", named!(self), self.count.up())
    }
}

#[test]
fn methods_take_along_what_they_borrow() {
    let (scope, clock) = scope();
    scope.run(|| {
        let shop = Shop { name: "here".to_owned(), count: Count::default() };
        let offer = |n: usize| format!("here apple [1, 2] {n}");
        assert_eq!(shop.offer("apple", &[1, 2]), offer(1));
        clock.advance(secs(11));
        assert_eq!(shop.offer("apple", &[1, 2]), offer(1));
        shop.count.settles_at(2);
        until("newer", || shop.offer_peek("apple", &[1, 2]) == Some(offer(2)));

        let shared = Arc::new(Shop { name: "there".to_owned(), count: Count::default() });
        assert_eq!(shared.clone().consume("pear".to_owned()), "there pear 1");
        clock.advance(secs(11));
        assert_eq!(shared.clone().consume("pear".to_owned()), "there pear 1");
        shared.count.settles_at(2);

        let traited = Shop { name: "trait".to_owned(), count: Count::default() };
        assert_eq!(traited.priced("fig"), "trait fig 1");
        clock.advance(secs(11));
        assert_eq!(traited.priced("fig"), "trait fig 1");
        traited.count.settles_at(2);
    });
}

#[memoize(timeout = 10, stale = 60)]
async fn async_stale(count: Count, text: &str) -> (usize, String) {
    let n = count.up();
    tokio::time::sleep(Duration::from_millis(5)).await;
    (n, text.to_owned())
}

impl Shop {
    #[memoize(timeout = 10, stale = 60)]
    async fn async_offer(&self, article: &str) -> String {
        tokio::task::yield_now().await;
        format!("{} {article} {}", self.name, self.count.up())
    }
}

#[tokio::test]
async fn async_functions_are_renewed_on_the_callers_runtime() {
    let (scope, clock) = scope();
    let count = Count::default();
    let shop = Shop { name: "here".to_owned(), count: Count::default() };
    scope
        .run_async(async {
            assert_eq!(async_stale(count.clone(), "a").await.0, 1);
            assert_eq!(shop.async_offer("apple").await, "here apple 1");
            clock.advance(secs(10));
            assert_eq!(async_stale(count.clone(), "a").await, (1, "a".to_owned()));
            assert_eq!(shop.async_offer("apple").await, "here apple 1");
            for _ in 0..1000 {
                if async_stale::peek(count.clone(), "a").await == Some((2, "a".to_owned())) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(async_stale(count.clone(), "a").await.0, 2);
            assert_eq!(shop.async_offer("apple").await, "here apple 2");
        })
        .await;
    assert_eq!((count.get(), shop.count.get()), (2, 2));
}

#[test]
fn where_nothing_is_known_to_spawn_on_the_first_caller_computes() {
    let (scope, clock) = scope();
    let count = Count::default();
    let poll = |future: std::pin::Pin<Box<dyn Future<Output = (usize, String)>>>| {
        let mut future = future;
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            std::thread::yield_now();
        }
    };
    #[memoize(timeout = 10, stale = 60)]
    async fn lonely(count: Count) -> (usize, String) {
        (count.up(), String::new())
    }
    let call = || poll(Box::pin(scope.clone().run_async_owned(lonely(count.clone()))));
    assert_eq!(call().0, 1);
    clock.advance(secs(10));
    assert_eq!(call().0, 2);
    assert_eq!(call().0, 2);
}

trait RunOwned {
    fn run_async_owned<F: Future>(self, future: F) -> impl Future<Output = F::Output>;
}

impl RunOwned for Scope {
    async fn run_async_owned<F: Future>(self, future: F) -> F::Output {
        self.run_async(future).await
    }
}

#[memoize(timeout = 10, stale = "7d")]
fn panics(count: Count) -> usize {
    let n = count.up();
    assert!(n != 2, "the second time");
    n
}

#[test]
fn a_refresh_that_panics_leaves_the_old_value_and_is_not_tried_again_at_once() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        panics(count.clone());
        clock.advance(secs(10));
        assert_eq!(panics(count.clone()), 1);
        count.settles_at(2);
        (0..10).for_each(|_| assert_eq!(panics(count.clone()), 1));
        count.settles_at(2);
        // How long the panic takes to be reported nobody knows; ten seconds after that it is tried again.
        until("another try", || {
            clock.advance(secs(1));
            assert!(panics(count.clone()) != 2);
            count.get() == 3
        });
        until("the newer value", || panics::peek(count.clone()) == Some(3));
    });
}

#[memoize(timeout = 10, stale = 60)]
fn nested(count: Count) -> usize {
    stale_inside(count.clone())
}

#[memoize(timeout = 10, stale = 60)]
fn stale_inside(count: Count) -> usize {
    count.up()
}

#[test]
fn what_surrounded_the_caller_surrounds_the_refresh() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        nested(count.clone());
        clock.advance(secs(10));
        assert_eq!(nested(count.clone()), 1);
        // The refresh finds the inner value, which is stale in this scope's cache, and has that renewed too.
        count.settles_at(2);
        until("the inner value", || stale_inside::peek(count.clone()) == Some(2));
    });
}
