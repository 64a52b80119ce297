//! Methods.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use cachekit::{cached, delete_memoized, memoize, methods};

/// Adds.
#[derive(Debug, Clone, Hash)]
pub struct Adder<T> {
    id: T,
}

impl<T: Hash + Clone + Into<u64>> Adder<T> {
    /// Adds.
    #[memoize]
    #[must_use]
    pub fn add(&self, b: u64) -> u64 {
        self.id.clone().into() + b
    }

    /// Changes.
    #[memoize]
    pub fn change(&mut self, id: T) -> u64 {
        self.id = id;
        self.id.clone().into()
    }

    /// Consumes.
    #[memoize]
    #[must_use]
    pub fn consume(mut self, id: T) -> u64 {
        self.id = id;
        self.id.clone().into()
    }

    /// Adds to many.
    #[memoize(batch)]
    #[must_use]
    pub fn add_all(&self, many: &[u64]) -> HashMap<u64, u64> {
        many.iter().map(|b| (*b, self.id.clone().into() + b)).collect()
    }

    /// Waits for many.
    #[memoize(batch, args_to_ignore = [self])]
    pub async fn wait_for_all(&self, many: Vec<String>) -> Vec<Option<usize>> {
        std::future::ready(many.iter().map(|text| Some(text.len())).collect()).await
    }

    /// Shares.
    #[memoize(companions = "sharing")]
    #[must_use]
    pub fn share(self: Arc<Self>) -> u64 {
        self.id.clone().into()
    }

    /// Belongs to the type.
    #[memoize(in_impl)]
    #[must_use]
    pub fn associated<U: Hash>(a: u8, u: U) -> u8 {
        let _ = u;
        a
    }

    /// Makes one.
    #[memoize]
    #[must_use]
    pub fn zero() -> Option<Box<u8>> {
        let _: fn(Self) -> T = |it: Self| it.id;
        None
    }

    /// Keys by hand.
    #[cached(key_prefix = format!("page/{}", self.id.clone().into()))]
    #[must_use]
    pub fn page(&self) -> String {
        self.id.clone().into().to_string()
    }

    /// Waits.
    #[memoize(args_to_ignore = [self])]
    pub async fn wait(&self, b: &str) -> usize {
        std::future::ready(b.len()).await
    }

    /// Forgets.
    ///
    /// # Errors
    ///
    /// When it cannot.
    pub fn forget(&self) -> Result<(), cachekit::Error> {
        delete_memoized!(self.add)?;
        delete_memoized!(self.add_all, 1)?;
        delete_memoized!(self.add_all)?;
        delete_memoized!(self.add, 1)?;
        delete_memoized!(Self::add)
    }
}

/// Serves.
pub trait Service<U> {
    /// What is served.
    type Output;
    /// Serves.
    fn serve(&self, with: U) -> Self::Output;
    /// Helps itself.
    fn help(&self) -> u8;
}

#[methods]
impl<T: Hash + Clone + Into<u64>, U> Service<U> for Adder<T>
where
    U: Hash + Into<u64>,
{
    type Output = u64;

    #[memoize]
    fn serve(&self, with: U) -> Self::Output {
        self.id.clone().into() + with.into()
    }

    #[memoize(companions = false)]
    fn help(&self) -> u8 {
        1
    }
}

/// Provides.
pub trait Provided: Hash {
    /// Provides.
    #[memoize]
    fn provided(&self, a: u8) -> u8 {
        a
    }
}

impl<T: Hash> Provided for Adder<T> {}

/// Knows what others do not.
#[derive(Debug, Hash)]
pub struct Knowing(u8);

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Secret(u8);

trait Reveals {
    fn reveal(&self) -> Secret;
}

#[methods]
impl Reveals for Knowing {
    #[memoize]
    fn reveal(&self) -> Secret {
        Secret(self.0)
    }
}

/// The sum of what is known.
#[must_use]
pub fn sum(knowing: &Knowing) -> u8 {
    knowing.reveal().0
}
