//! Methods and associated functions: `self` is part of the key.

use std::hash::Hash;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use cachekit::{CacheKey, delete_memoized, delete_memoized_verhash, memoize};

use crate::run;

#[derive(Clone, Hash)]
struct Adder {
    id: u64,
}

impl Adder {
    #[memoize]
    fn add(&self, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize]
    fn grow(&mut self, b: u64) -> (u64, u32) {
        self.id += b;
        (self.id, run!())
    }

    #[memoize]
    fn consumed(mut self, b: u64) -> (u64, u32) {
        self.id += b;
        (self.id, run!())
    }

    #[memoize]
    fn shared(self: Arc<Self>, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize]
    fn boxed(self: Box<Self>, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize]
    fn counted(self: &Rc<Self>, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize]
    fn pinned(self: Pin<&mut Self>, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize]
    #[allow(clippy::needless_arbitrary_self_type, reason = "that is the shape")]
    fn typed(self: &Self, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize(args_to_ignore = [self])]
    fn of_no_instance(&self, b: u64) -> (u64, u32) {
        let _ = self;
        (b, run!())
    }

    #[memoize]
    fn new(id: u64) -> Option<u64> {
        Some(Self { id }.id)
    }

    #[memoize(in_impl)]
    fn associated(a: u64) -> (u64, u32) {
        (a, run!())
    }

    #[memoize(companions = "cache_of_sum")]
    fn sum(&self, b: u64) -> (u64, u32) {
        (self.id + b, run!())
    }

    #[memoize]
    fn r#loop(&self) -> u32 {
        let _ = self.id;
        run!()
    }
}

#[test]
fn instances_do_not_share() -> Result<(), cachekit::Error> {
    let (one, five) = (Adder { id: 1 }, Adder { id: 5 });
    assert_eq!((one.add(2), five.add(2)), ((3, 1), (7, 2)));
    assert_eq!((one.add(2), five.add(2)), ((3, 1), (7, 2)));
    assert_eq!(one.add_uncached(2), (3, 3));
    assert_eq!(one.add_peek(2), Some((3, 1)));
    assert_ne!(one.add_make_cache_key(2), five.add_make_cache_key(2));
    delete_memoized!(one.add)?;
    assert_eq!((one.add(2), five.add(2)), ((3, 4), (7, 2)));
    assert!(delete_memoized!(five.add, 2)?);
    assert_eq!((one.add(2), five.add(2)), ((3, 4), (7, 5)));
    assert!(delete_memoized!(Adder::add, &five, 2)?);
    assert_eq!((one.add(2), five.add(2)), ((3, 4), (7, 6)));
    delete_memoized!(Adder::add)?;
    assert_eq!((one.add(2), five.add(2)), ((3, 7), (7, 8)));
    delete_memoized_verhash!(one.add)?;
    assert_eq!((one.add(2), five.add(2)), ((3, 9), (7, 8)));
    delete_memoized_verhash!(Adder::add)?;
    assert_eq!((one.add(2), five.add(2)), ((3, 10), (7, 11)));
    assert_eq!(Adder::add_cache_timeout(), None);
    assert_eq!(one.add_refresh(2), (3, 12));
    Ok(())
}

#[test]
fn receivers_of_every_kind() {
    let adder = || Adder { id: 1 };
    assert_eq!((adder().grow(2), adder().grow(2)), ((3, 1), (3, 1)));
    assert_eq!(Adder { id: 2 }.grow(2), (4, 2));
    assert_eq!(adder().grow_peek(2), Some((3, 1)));
    assert_eq!((adder().consumed(2), adder().consumed(2)), ((3, 1), (3, 1)));
    assert_eq!(adder().consumed_peek(2), Some((3, 1)));
    assert_eq!(adder().consumed_refresh(2), (3, 2));
    let shared = Arc::new(adder());
    assert_eq!((Arc::clone(&shared).shared(2), Arc::clone(&shared).shared(2)), ((3, 1), (3, 1)));
    assert_eq!(shared.shared_peek(2), Some((3, 1)));
    assert_eq!(shared.shared_uncached(2), (3, 2));
    assert_eq!((Box::new(adder()).boxed(2), Box::new(adder()).boxed(2)), ((3, 1), (3, 1)));
    assert_eq!((Rc::new(adder()).counted(2), Rc::new(adder()).counted(2)), ((3, 1), (3, 1)));
    let mut pinned = adder();
    assert_eq!((Pin::new(&mut pinned).pinned(2), Pin::new(&mut pinned).pinned(2)), ((3, 1), (3, 1)));
    assert_eq!(pinned.pinned_peek(2), Some((3, 1)));
    assert_eq!((adder().typed(2), adder().typed(2)), ((3, 1), (3, 1)));
}

#[test]
fn an_ignored_receiver() -> Result<(), cachekit::Error> {
    let (one, five) = (Adder { id: 1 }, Adder { id: 5 });
    assert_eq!((one.of_no_instance(2), five.of_no_instance(2)), ((2, 1), (2, 1)));
    assert_eq!(Adder::of_no_instance_peek(2), Some((2, 1)));
    assert!(Adder::of_no_instance_delete_memoized_with(2)?);
    assert_eq!(five.of_no_instance(2), (2, 2));
    Adder::of_no_instance_delete_memoized()?;
    assert_eq!(five.of_no_instance_refresh(2), (2, 3));
    Ok(())
}

#[test]
fn associated_functions() -> Result<(), cachekit::Error> {
    assert_eq!((Adder::new(4), Adder::new_peek(4)), (Some(4), Some(Some(4))));
    assert_eq!((Adder::associated(1), Adder::associated(1)), ((1, 1), (1, 1)));
    assert!(delete_memoized!(Adder::associated, 1)?);
    assert_eq!(Adder::associated(1), (1, 2));
    delete_memoized!(Adder::associated)?;
    assert_eq!(Adder::associated(1), (1, 3));
    Ok(())
}

#[test]
fn renamed_companions() {
    let one = Adder { id: 1 };
    assert_eq!((one.sum(2), one.cache_of_sum_peek(2)), ((3, 1), Some((3, 1))));
    assert_eq!((one.r#loop(), one.loop_peek()), (1, Some(1)));
}

struct Other;

impl Other {
    #[memoize(args_to_ignore = [self])]
    fn add(&self, b: u64) -> u64 {
        let _ = self;
        b + 100
    }

    #[memoize(in_impl)]
    fn associated(a: u64) -> u64 {
        a + 100
    }
}

#[test]
fn methods_of_one_name_do_not_share() {
    assert_eq!((Other.add(2), Other::associated(1)), (102, 101));
    assert_ne!(Other::associated_make_cache_key(1), Adder::associated_make_cache_key(1));
}

#[derive(Clone, Hash)]
struct Repo<T, const N: usize>(T);

impl<T: Hash + Clone + Into<u64>, const N: usize> Repo<T, N> {
    #[memoize]
    fn load(&self, id: u64) -> (u64, usize, u32) {
        (self.0.clone().into() + id, N, run!())
    }

    #[memoize]
    fn with<U: Into<u64> + Hash, const M: usize>(
        &self,
        id: U,
        extra: impl Into<u64> + Hash,
    ) -> (u64, usize, u32) {
        (self.0.clone().into() + id.into() + extra.into(), N + M, run!())
    }

    #[memoize]
    fn width() -> (usize, u32) {
        (size_of::<Self>(), run!())
    }
}

#[test]
fn generic_impls() -> Result<(), cachekit::Error> {
    assert_eq!(Repo::<u32, 1>(1).load(2), (3, 1, 1));
    assert_eq!(Repo::<u32, 1>(5).load(2), (7, 1, 2));
    assert_eq!(Repo::<u32, 2>(5).load(2), (7, 2, 3));
    assert_eq!(Repo::<u8, 2>(5).load(2), (7, 2, 4));
    assert_eq!(Repo::<u32, 1>(1).load(2), (3, 1, 1));
    delete_memoized!(Repo::<u32, 1>(1).load)?;
    assert_eq!(Repo::<u32, 1>(1).load(2), (3, 1, 5));
    assert_eq!(Repo::<u32, 1>(5).load(2), (7, 1, 2));
    assert_eq!(
        (Repo::<u8, 1>::width(), Repo::<u64, 1>::width(), Repo::<u8, 1>::width()),
        ((1, 1), (8, 2), (1, 1))
    );
    let repo = Repo::<u8, 1>(1);
    assert_eq!(repo.with::<u8, 1>(1, 1u8), (3, 2, 1));
    assert_eq!(repo.with::<u8, 2>(1, 1u8), (3, 3, 2));
    assert_eq!(repo.with::<u16, 2>(1, 1u8), (3, 3, 3));
    assert_eq!(repo.with::<u16, 2>(1, 1u16), (3, 3, 4));
    assert_eq!(repo.with::<u8, 1>(1, 1u8), (3, 2, 1));
    assert_eq!(repo.with_peek::<u16, 2>(1, 1u16), Some((3, 3, 4)));
    assert_eq!(repo.with_uncached::<u16, 2>(1, 1u16), (3, 3, 5));
    Ok(())
}

#[test]
fn one_instance_of_a_generic_method() -> Result<(), cachekit::Error> {
    let (one, two) = (Repo::<u8, 7>(1), Repo::<u8, 7>(2));
    let call = |repo: &Repo<u8, 7>| (repo.with::<u8, 1>(1, 1u8).2, repo.with::<u16, 2>(1, 1u16).2);
    let (first, second) = (call(&one), call(&two));
    assert_eq!((call(&one), call(&two)), (first, second));
    delete_memoized!(one.with)?;
    let again = call(&one);
    assert!(again.0 != first.0 && again.1 != first.1, "every instantiation of this instance is forgotten");
    assert_eq!(call(&two), second);
    Ok(())
}

#[derive(CacheKey)]
struct Scaled {
    factor: f64,
    #[cache_key(skip)]
    #[allow(dead_code, reason = "what it would key by is the point")]
    scratch: Vec<std::cell::Cell<u8>>,
}

impl Scaled {
    #[memoize]
    fn by(&self, other: &Self) -> (f64, u32) {
        (self.factor * other.factor, run!())
    }
}

#[test]
fn a_receiver_that_is_not_hash() {
    let scaled = |factor| Scaled { factor, scratch: Vec::new() };
    assert_eq!(scaled(1.5).by(&scaled(2.0)), (3.0, 1));
    assert_eq!(scaled(1.5).by(&scaled(2.0)), (3.0, 1));
    assert_eq!(scaled(2.0).by(&scaled(1.5)), (3.0, 2));
}

struct Borrowing<'a>(&'a str);

impl Hash for Borrowing<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<'a> Borrowing<'a> {
    #[memoize]
    fn length(&self, other: &'a str) -> (usize, u32) {
        (self.0.len() + other.len(), run!())
    }
}

#[test]
fn types_with_lifetimes() {
    let text = String::from("abc");
    assert_eq!(Borrowing(&text).length("d"), (4, 1));
    assert_eq!(Borrowing("abc").length("d"), (4, 1));
    assert_eq!(Borrowing("ab").length("d"), (3, 2));
}

trait Provided: Hash {
    #[memoize]
    fn provided(&self, a: u64) -> (u64, u32) {
        (self.offset() + a, run!())
    }

    fn offset(&self) -> u64;
}

impl Provided for Adder {
    fn offset(&self) -> u64 {
        self.id
    }
}

impl Provided for u64 {
    fn offset(&self) -> u64 {
        *self + 100
    }
}

#[test]
fn provided_methods_of_a_trait() {
    assert_eq!((Adder { id: 1 }.provided(1), Adder { id: 1 }.provided(1)), ((2, 1), (2, 1)));
    assert_eq!((1u64.provided(1), 1u64.provided_peek(1)), ((102, 2), Some((102, 2))));
}
