//! Methods of trait impls: alone, under `#[methods]`, under `#[async_trait]`.

use std::fmt::Debug;
use std::hash::Hash;

use async_trait::async_trait;
use cachekit::{delete_memoized, memoize, methods};

use crate::{block, run, sendable};

trait Service {
    type Output;
    fn get(&self, key: &str) -> Self::Output;
    fn make(a: u64) -> u64;
    async fn later(&self, key: &str) -> Result<u64, String>;
}

#[derive(Clone, Hash)]
struct Plain<T>(T);

impl<T: Clone + Hash + Into<u64>> Service for Plain<T> {
    type Output = (u64, u32);

    #[memoize(companions = false)]
    fn get(&self, key: &str) -> (u64, u32) {
        (self.0.clone().into() + key.len() as u64, run!())
    }

    #[memoize(companions = false)]
    fn make(a: u64) -> u64 {
        a + size_of::<T>() as u64
    }

    #[memoize(companions = false)]
    async fn later(&self, key: &str) -> Result<u64, String> {
        std::future::ready(()).await;
        let n: u64 = key.parse().map_err(|_| key.to_owned())?;
        Ok(n + self.0.clone().into() + 100 * u64::from(run!()))
    }
}

#[test]
fn without_companions() {
    assert_eq!((Plain(1u8).get("ab"), Plain(1u8).get("ab")), ((3, 1), (3, 1)));
    assert_eq!((Plain(2u8).get("ab"), Plain(1u32).get("ab")), ((4, 2), (3, 3)));
    assert_eq!((Plain::<u8>::make(1), Plain::<u32>::make(1), Plain::<u8>::make(1)), (2, 5, 2));
    assert_eq!(block(Plain(1u8).later("7")), Ok(108));
    assert_eq!(block(Plain(1u8).later("7")), Ok(108));
    assert_eq!(block(Plain(1u8).later("x")), Err("x".to_owned()));
}

struct Accompanied<T>(T);

impl<T: Hash> Hash for Accompanied<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[methods]
impl<T> Service for Accompanied<T>
where
    T: Clone + Hash + Into<u64>,
{
    type Output = (u64, u32);

    #[memoize(timeout = 60)]
    fn get(&self, key: &str) -> Self::Output {
        (self.0.clone().into() + key.len() as u64, run!())
    }

    #[memoize]
    fn make(a: u64) -> u64 {
        a + size_of::<T>() as u64
    }

    #[cachekit::memoize]
    async fn later(&self, key: &str) -> Result<u64, String> {
        std::future::ready(()).await;
        let n: u64 = key.parse().map_err(|_| key.to_owned())?;
        Ok(n + self.0.clone().into() + 100 * u64::from(run!()))
    }
}

#[test]
fn methods_gives_companions() -> Result<(), cachekit::Error> {
    let one = Accompanied(1u8);
    assert_eq!((one.get("ab"), one.get("ab")), ((3, 1), (3, 1)));
    assert_eq!(one.get_peek("ab"), Some((3, 1)));
    assert_eq!(one.get_uncached("ab"), (3, 2));
    assert_eq!(Accompanied(1u32).get("ab"), (3, 3));
    assert!(delete_memoized!(one.get, "ab")?);
    assert_eq!(one.get_refresh("ab"), (3, 4));
    delete_memoized!(one.get)?;
    assert_eq!(one.get("ab"), (3, 5));
    delete_memoized!(Accompanied::<u8>::get)?;
    assert_eq!(one.get("ab"), (3, 6));
    assert_eq!((Accompanied::<u8>::make(1), Accompanied::<u32>::make(1)), (2, 5));
    assert_eq!((Accompanied::<u8>::make_peek(1), Accompanied::<u16>::make_peek(1)), (Some(2), None));
    assert_eq!(block(one.later("7")), Ok(108));
    assert_eq!(block(one.later("7")), Ok(108));
    assert_eq!(block(one.later_peek("7")), Some(Ok(108)));
    assert!(block(async { delete_memoized!(one.later, "7").await })?);
    assert_eq!(block(one.later_uncached("7")), Ok(208));
    Ok(())
}

trait Convert<U> {
    fn convert(&self, to: U) -> (String, u32);
}

#[derive(Hash)]
struct Source(u8);

#[methods]
impl<U> Convert<U> for Source
where
    U: Debug + Hash,
{
    #[memoize]
    fn convert(&self, to: U) -> (String, u32) {
        (format!("{}{to:?}{}", self.0, std::any::type_name::<U>()), run!())
    }
}

#[derive(Hash)]
struct Unseen(u8);

impl<U: Debug + Hash> Convert<U> for Unseen {
    #[memoize(companions = false)]
    fn convert(&self, to: U) -> (String, u32) {
        (format!("{}{to:?}{}", self.0, std::any::type_name::<U>()), run!())
    }
}

#[test]
fn generics_that_the_type_does_not_name() -> Result<(), cachekit::Error> {
    assert_eq!(Source(1).convert(1u8), ("11u8".into(), 1));
    assert_eq!(Source(1).convert(1i8), ("11i8".into(), 2));
    assert_eq!(Source(1).convert(1u8), ("11u8".into(), 1));
    assert_eq!(Source(1).convert_peek(1i8), Some(("11i8".into(), 2)));
    assert!(Source(1).convert_delete_memoized_with(1i8)?);
    assert_eq!(Source(1).convert_refresh(1i8), ("11i8".into(), 3));
    assert_eq!(Unseen(1).convert(1u8), ("11u8".into(), 1));
    assert_eq!(Unseen(1).convert(1i8), ("11i8".into(), 2));
    assert_eq!(Unseen(1).convert(1u8), ("11u8".into(), 1));
    Ok(())
}

#[async_trait]
trait Dynamic: Send + Sync {
    async fn fetch(&self, key: &str) -> Result<u64, String>;
    async fn count(&self) -> u32;
}

#[derive(Hash)]
struct Below(u64);

#[async_trait]
impl Dynamic for Below {
    #[memoize]
    async fn fetch(&self, key: &str) -> Result<u64, String> {
        std::future::ready(()).await;
        let n: u64 = key.parse().map_err(|_| key.to_owned())?;
        Ok(n + self.0 + 100 * u64::from(run!()))
    }

    #[memoize]
    async fn count(&self) -> u32 {
        run!()
    }
}

#[derive(Hash)]
struct Above(u64);

#[methods]
#[async_trait]
impl Dynamic for Above {
    #[memoize]
    async fn fetch(&self, key: &str) -> Result<u64, String> {
        std::future::ready(()).await;
        let n: u64 = key.parse().map_err(|_| key.to_owned())?;
        Ok(n + self.0 + 100 * u64::from(run!()))
    }

    #[memoize]
    async fn count(&self) -> u32 {
        run!()
    }
}

#[test]
fn async_trait_below_and_above() -> Result<(), cachekit::Error> {
    for (service, other) in [
        (Box::new(Below(1)) as Box<dyn Dynamic>, Box::new(Below(5)) as Box<dyn Dynamic>),
        (Box::new(Above(1)), Box::new(Above(5))),
    ] {
        assert_eq!(block(sendable(service.fetch("7"))), Ok(108));
        assert_eq!(block(sendable(service.fetch("7"))), Ok(108));
        assert_eq!(block(sendable(other.fetch("7"))), Ok(212));
        assert_eq!(block(service.fetch("x")), Err("x".to_owned()));
        assert_eq!((block(service.count()), block(service.count()), block(other.count())), (1, 1, 2));
    }
    assert_eq!(block(Above(1).fetch_peek("7")), Some(Ok(108)));
    assert!(block(sendable(async { delete_memoized!(Above(1).fetch, "7").await }))?);
    assert_eq!(block(sendable(Above(1).fetch_refresh("7"))), Ok(308));
    Ok(())
}

#[derive(Hash)]
struct Inherent(u8);

#[methods]
impl Inherent {
    const WIDTH: usize = 2;

    #[memoize]
    fn plain(a: u8) -> (u8, u32) {
        (a, run!())
    }

    #[memoize]
    fn array(&self) -> [u8; Self::WIDTH] {
        [self.0; Self::WIDTH]
    }

    fn other(&self) -> u8 {
        self.0
    }
}

#[test]
fn methods_on_an_inherent_impl() -> Result<(), cachekit::Error> {
    assert_eq!((Inherent::plain(1), Inherent::plain(1)), ((1, 1), (1, 1)));
    assert!(delete_memoized!(Inherent::plain, 1)?);
    assert_eq!((Inherent(3).array(), Inherent(3).array_peek()), ([3, 3], Some([3, 3])));
    assert_eq!(Inherent(3).other(), 3);
    Ok(())
}

trait Length {
    fn length(&self) -> (usize, u32);
}

#[methods(companions = false)]
impl Length for str {
    #[memoize]
    fn length(&self) -> (usize, u32) {
        (self.len(), run!())
    }
}

#[test]
fn foreign_types() {
    assert_eq!(("abc".length(), "abc".length(), "ab".length()), ((3, 1), (3, 1), (2, 2)));
}
