//! Keys that are not made of the arguments: `make_cache_key`, and `#[cached]`.

use cachekit::{cached, memoize};

use crate::{block, run, sendable};

#[memoize(make_cache_key = |id, _| format!("user/{id}"))]
fn by_closure(id: u64, noise: u64) -> (u64, u32) {
    (id + noise, run!())
}

#[memoize(make_cache_key = format!("user-of/{id}"))]
fn by_expression(db: &Db, id: u64) -> (u64, u32) {
    let _ = db;
    (id, run!())
}

struct Db;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what a key is made of comes by reference")]
fn key_of(id: &usize, name: &&str) -> String {
    format!("{id}/{name}")
}

#[memoize(make_cache_key = key_of)]
fn by_path(id: usize, name: &str) -> (usize, u32) {
    (id + name.len(), run!())
}

#[memoize(make_cache_key = || "the one")]
fn by_nothing(id: u64) -> (u64, u32) {
    (id, run!())
}

#[test]
fn make_cache_key_is_verbatim() -> Result<(), cachekit::Error> {
    assert_eq!((by_closure(1, 1), by_closure(1, 2)), ((2, 1), (2, 1)));
    assert_eq!(by_closure::make_cache_key(1, 0), "user/1");
    assert_eq!((by_expression(&Db, 1), by_expression(&Db, 1)), ((1, 1), (1, 1)));
    assert_eq!(by_expression::peek(1), Some((1, 1)), "only what the key names is asked for");
    assert!(by_expression::delete_memoized_with(1)?);
    assert_eq!((by_path(1, "a"), by_path(1, "a"), by_path(1, "b")), ((2, 1), (2, 1), (2, 2)));
    assert_eq!((by_nothing(1), by_nothing(2)), ((1, 1), (1, 1)));
    Ok(())
}

#[cached(key_prefix = "MyCachedList")]
fn by_name() -> (Vec<f64>, u32) {
    (vec![0.5], run!())
}

#[cached(timeout = 50, key_prefix = "item/{id}/{{raw}}/{}")]
#[cfg(any())]
fn positional_placeholder(id: u64) -> u64 {
    id
}

#[cached(timeout = 50, key_prefix = "item/{id:>4}/{{raw}}")]
fn by_placeholder(id: u64) -> (u64, u32) {
    (id, run!())
}

#[cached(key_prefix = format!("{}:{}", a, b.len()))]
async fn by_format(a: u64, b: &str) -> (u64, u32) {
    (a + b.len() as u64, run!())
}

fn whole_key() -> &'static str {
    "whole"
}

#[cached(key_prefix = whole_key)]
fn by_function() -> u32 {
    run!()
}

#[cached(make_cache_key = |a, b| format!("{a}+{b}"))]
fn by_key_closure(a: u64, b: u64) -> (u64, u32) {
    (a + b, run!())
}

#[test]
fn cached_by_a_name() -> Result<(), cachekit::Error> {
    assert_eq!((by_name(), by_name()), ((vec![0.5], 1), (vec![0.5], 1)));
    assert_eq!(by_name::make_cache_key(), "MyCachedList");
    assert!(by_name::delete_cached()?);
    assert!(!by_name::delete_cached()?);
    assert_eq!(by_name::refresh(), (vec![0.5], 2));
    assert_eq!((by_placeholder(1), by_placeholder(1), by_placeholder(2)), ((1, 1), (1, 1), (2, 2)));
    assert_eq!(by_placeholder::make_cache_key(1), "item/   1/{raw}");
    assert!(by_placeholder::delete_cached(1)?);
    assert_eq!((block(sendable(by_format(1, "a"))), block(by_format(1, "a"))), ((2, 1), (2, 1)));
    assert_eq!(block(by_format::peek(1, "b")), Some((2, 1)));
    assert_eq!((by_function(), by_function()), (1, 1));
    assert_eq!(by_function::make_cache_key(), "whole");
    assert_eq!((by_key_closure(1, 2), by_key_closure(1, 2), by_key_closure(2, 1)), ((3, 1), (3, 1), (3, 2)));
    Ok(())
}

struct Page {
    name: String,
}

impl Page {
    #[cached(key_prefix = format!("page/{}", self.name))]
    fn render(&self) -> (String, u32) {
        (self.name.clone(), run!())
    }

    #[cached(key_prefix = "page-index", in_impl)]
    fn index() -> u32 {
        run!()
    }
}

#[test]
fn cached_methods() -> Result<(), cachekit::Error> {
    let page = |name: &str| Page { name: name.to_owned() };
    assert_eq!((page("a").render(), page("a").render()), (("a".into(), 1), ("a".into(), 1)));
    assert_eq!(page("b").render(), ("b".into(), 2));
    assert!(page("a").render_delete_cached()?);
    assert_eq!(page("a").render_peek(), None);
    assert_eq!((Page::index(), Page::index()), (1, 1));
    assert!(Page::index_delete_cached()?);
    Ok(())
}

struct Account {
    id: u64,
    closed: bool,
    grace: u64,
}

impl Account {
    #[memoize(
        make_cache_key = format!("account/{}/{year}", self.id),
        unless = self.closed,
        is_stale = |value| value.1 < 100 && self.grace == 0,
        timeout = std::time::Duration::from_secs(self.grace + 1),
    )]
    fn balance(&self, year: u64) -> (u64, u32) {
        (self.id + year, run!())
    }

    #[memoize(args_to_ignore = [self], forced_update = || self.closed)]
    async fn rate(&mut self, year: u64) -> (u64, u32) {
        self.grace += 1;
        (year, run!())
    }
}

#[test]
fn options_may_name_self() -> Result<(), cachekit::Error> {
    let account = |id, closed, grace| Account { id, closed, grace };
    assert_eq!((account(1, false, 1).balance(5), account(1, false, 2).balance(5)), ((6, 1), (6, 1)));
    assert_eq!(account(1, true, 1).balance(5), (6, 2));
    assert_eq!(account(1, false, 0).balance(5), (6, 3));
    assert_eq!(account(2, false, 1).balance_make_cache_key(5), "account/2/5");
    assert_eq!(account(1, false, 1).balance_peek(5), Some((6, 3)));
    assert!(account(1, false, 1).balance_delete_memoized_with(5)?);
    assert_eq!(block(account(1, false, 1).rate(5)), (5, 1));
    assert_eq!(block(sendable(account(2, false, 1).rate(5))), (5, 1));
    assert_eq!(block(account(2, true, 1).rate(5)), (5, 2));
    assert_eq!(block(Account::rate_peek(5)), Some((5, 2)));
    Ok(())
}

#[cached]
fn view() -> u32 {
    run!()
}

#[test]
fn without_a_request_a_view_is_not_cached() {
    assert_eq!((view(), view()), (1, 2));
}
