//! Async functions.

use std::future::ready;
use std::hash::Hash;
use std::pin::Pin;

use cachekit::{delete_memoized, memoize};

use crate::{block, run, sendable};

#[memoize]
async fn plain(a: u32) -> (u32, u32) {
    ready(()).await;
    (a, run!())
}

#[memoize]
async fn fallible(s: &str) -> Result<u32, std::num::ParseIntError> {
    if s.is_empty() {
        return Ok(0);
    }
    let n: u32 = s.parse()?;
    ready(()).await;
    Ok(n + 100 * run!())
}

#[memoize]
async fn generic<T, const N: usize>(t: T, (a, mut b): (f64, u32)) -> (usize, u32)
where
    T: std::fmt::Debug + Hash + Send + Sync,
{
    b += 1;
    ready(()).await;
    let _ = (t, a);
    (N + b as usize, run!())
}

#[test]
fn async_functions() -> Result<(), cachekit::Error> {
    assert_eq!((block(sendable(plain(1))), block(plain(1))), ((1, 1), (1, 1)));
    assert_eq!(block(sendable(plain::peek(1))), Some((1, 1)));
    assert_eq!(block(sendable(plain::uncached(1))), (1, 2));
    assert_eq!(block(sendable(plain::refresh(1))), (1, 3));
    assert!(block(sendable(async { delete_memoized!(plain, 1).await }))?);
    assert_eq!(block(plain(1)), (1, 4));
    block(sendable(async { delete_memoized!(plain).await }))?;
    assert_eq!(block(plain(1)), (1, 5));
    assert_eq!(plain::make_cache_key(1), plain::make_cache_key(1));
    assert_eq!((block(fallible("7")), block(fallible("7"))), (Ok(107), Ok(107)));
    assert!(block(sendable(fallible("x"))).is_err());
    assert_eq!(block(fallible("")), Ok(0));
    assert_eq!(block(sendable(generic::<_, 1>(1u8, (0.5, 1)))), (3, 1));
    assert_eq!(block(generic::<_, 2>(1u8, (0.5, 1))), (4, 2));
    assert_eq!(block(generic::<_, 1>(1u16, (0.5, 1))), (3, 3));
    assert_eq!(block(generic::<_, 1>(1u8, (0.5, 1))), (3, 1));
    assert_eq!(block(generic::peek::<u8, 2>(1, (0.5, 1))), Some((4, 2)));
    Ok(())
}

#[memoize]
async fn fib(n: u64) -> u64 {
    if n < 2 { n } else { Box::pin(fib(n - 1)).await + Box::pin(fib(n - 2)).await }
}

#[memoize]
fn boxed(n: u64) -> Pin<Box<dyn Future<Output = (u64, u32)> + Send>> {
    Box::pin(async move {
        ready(()).await;
        if n == 0 { (0, run!()) } else { (boxed(n - 1).await.0 + n, run!()) }
    })
}

#[test]
fn recursion_and_boxes() {
    assert_eq!(block(fib(80)), 23_416_728_348_467_685);
    let first = block(sendable(boxed(3)));
    assert_eq!(first.0, 6);
    assert_eq!(block(boxed(3)), first);
    assert_eq!(block(boxed::peek(3)), Some(first));
}

#[derive(Clone, Hash)]
struct Client(u32);

impl Client {
    #[memoize]
    async fn get(&self, a: &str) -> (usize, u32) {
        ready(()).await;
        (self.0 as usize + a.len(), run!())
    }

    #[memoize]
    async fn change(&mut self, a: String) -> (u32, u32) {
        self.0 += u32::try_from(a.len()).unwrap_or(0);
        ready(()).await;
        (self.0, run!())
    }

    #[memoize]
    async fn spend(mut self, a: impl Into<u32> + Hash + Send + Sync) -> (u32, u32) {
        self.0 += a.into();
        (self.0, run!())
    }
}

#[test]
fn async_methods() -> Result<(), cachekit::Error> {
    let (one, five) = (Client(1), Client(5));
    assert_eq!(
        (block(sendable(one.get("ab"))), block(one.get("ab")), block(five.get("ab"))),
        ((3, 1), (3, 1), (7, 2))
    );
    block(sendable(async { delete_memoized!(one.get).await }))?;
    assert_eq!((block(one.get("ab")), block(five.get("ab"))), ((3, 3), (7, 2)));
    block(sendable(async { delete_memoized!(Client::get).await }))?;
    assert_eq!(block(five.get("ab")), (7, 4));
    assert_eq!(block(sendable(one.get_uncached("ab"))), (3, 5));
    assert_eq!(block(sendable(Client(1).change("ab".into()))), (3, 1));
    assert_eq!(block(Client(1).change("ab".into())), (3, 1));
    assert_eq!(block(sendable(Client(1).spend(2u8))), (3, 1));
    assert_eq!(block(Client(1).spend(2u16)), (3, 2));
    assert_eq!(block(Client(1).spend_peek(2u8)), Some((3, 1)));
    Ok(())
}

#[memoize]
async unsafe fn dangerous(a: u32) -> u32 {
    ready(a).await
}

#[test]
#[allow(clippy::undocumented_unsafe_blocks, reason = "nothing in it is unsafe")]
fn async_unsafe() {
    assert_eq!(block(unsafe { dangerous(1) }), 1);
    assert_eq!(block(unsafe { dangerous::uncached(1) }), 1);
}
