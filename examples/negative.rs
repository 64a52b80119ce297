//! What is not there, and what failed: not kept unless asked for, and then for a time of its own. Time is a clock that is
//! moved by hand.

use std::time::Duration;

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, memoize};

/// Only `Some` is kept: who asks for a user that does not exist asks the database each time.
#[memoize(timeout = 600)]
fn user(id: u32) -> Option<String> {
    println!("    (looking for user {id})");
    (id < 100).then(|| format!("user {id}"))
}

/// That there is none is known for ten seconds, so that nobody can wear the database out by asking for what is not there.
#[memoize(timeout = 600, none_timeout = 10)]
fn article(id: u32) -> Option<String> {
    println!("    (looking for article {id})");
    (id < 100).then(|| format!("article {id}"))
}

/// An alias is seen through.
type Reply = Result<String, String>;

/// A server that refuses is not asked again for two seconds.
#[memoize(timeout = 600, err_timeout = 2)]
fn fetch(page: &str) -> Reply {
    println!("    (fetching {page})");
    if page == "/" { Ok("hello".to_owned()) } else { Err(format!("{page} is forbidden")) }
}

fn main() {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        println!("users     {:?} {:?}", user(1), user(777));
        println!("again     {:?} {:?}", user(1), user(777));
        println!("articles  {:?} {:?}", article(1), article(777));
        println!("again     {:?} {:?}", article(1), article(777));
        println!("known     {:?} {:?}", article::peek(777), article::peek(778));
        println!("pages     {:?} {:?}", fetch("/"), fetch("/secret"));
        println!("again     {:?} {:?}", fetch("/"), fetch("/secret"));
        clock.advance(Duration::from_secs(2));
        println!("2 s later {:?} {:?}", fetch("/"), fetch("/secret"));
        clock.advance(Duration::from_secs(8));
        println!("and 10 s  {:?} {:?}", article(1), article(777));
    });
}
