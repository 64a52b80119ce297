//! Values whose type is forgotten, so that what happens to them on their way is compiled once, and not for each type.
//!
//! A call knows the type of its value at both ends: where it is taken from the body, and where it is given to the caller.
//! Between the two it is [`Shared`], and what has to be known of its type is in the [`Values`] of its store. A hit that is
//! plain to see knows nothing of this.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Age, Fence, Found, Lifetimes, OwnedKey, Table, TableConfig, Target, Ticket, Ties};

use crate::bytes::envelope::shape_of;
use crate::site::{Types, Way};
use crate::value::{Carrier, Policy};

/// A value.
pub(crate) type Shared = Arc<dyn Any + Send + Sync>;

/// A value that is still its owner's.
pub(crate) type Lent<'a> = &'a (dyn Any + Send + Sync);

/// The value, with its type.
pub(crate) fn typed<S: Clone + Send + Sync + 'static>(value: Shared) -> S {
    match value.downcast() {
        Ok(value) => Arc::unwrap_or_clone(value),
        Err(_) => unreachable!("a store has values of one type, which is that of who asks it"),
    }
}

/// The same, lent.
pub(crate) fn of_store<S: 'static>(value: Lent<'_>) -> &S {
    match value.downcast_ref() {
        Some(value) => value,
        None => unreachable!("a store has values of one type, which is that of who asks it"),
    }
}

/// What a call is answered with.
pub(crate) enum Given {
    Value(Shared),
    /// The result without a value.
    Nothing,
}

impl Given {
    pub(crate) fn typed<P: Policy>(self) -> P::Ret {
        match self {
            Self::Value(value) => P::join(typed(value)),
            Self::Nothing => match P::shared() {
                Some(nothing) => nothing,
                None => unreachable!("there is a result without a value only where the policy has one"),
            },
        }
    }
}

/// What is to be known of the values of one type, as one function keeps them.
#[derive(Clone, Copy)]
pub(crate) struct Values {
    pub(crate) id: TypeId,
    /// The fingerprint of the type in a backend.
    pub(crate) shape: fn() -> u64,
    /// How they become bytes; none for values that stay in this process.
    pub(crate) carrier: fn() -> Option<Carrier>,
    /// A copy of one, for who waits for it.
    pub(crate) copy: fn(Lent<'_>) -> Shared,
    /// Whether there is a result without a value, which is handed on and not stored.
    pub(crate) may_be_nothing: fn() -> bool,
    table: fn(TableConfig) -> Box<dyn AnyTable>,
}

impl Values {
    /// Those that a policy stores.
    pub(crate) const fn of<P: Policy>() -> &'static Self {
        const {
            &Self {
                id: TypeId::of::<P::Stored>(),
                shape: shape_of::<P::Stored>,
                carrier: P::carrier,
                copy: |value| Arc::new(of_store::<P::Stored>(value).clone()),
                may_be_nothing: || P::shared().is_some(),
                table: |config| Box::new(Table::<P::Stored>::new(config)),
            }
        }
    }

    /// An empty table of them.
    pub(crate) fn table(&self, config: TableConfig) -> Box<dyn AnyTable> {
        (self.table)(config)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values")
    }
}

/// A [`Table`], whatever the type of its values.
pub(crate) trait AnyTable: Any + Send + Sync {
    /// What the short way to it needs.
    fn way(&'static self, types: Types) -> Way;
    fn fence(&self) -> &Fence;
    fn len(&self) -> usize;
    fn contains(&self, key: &OwnedKey) -> bool;
    fn look(&self, key: &OwnedKey) -> Option<Found<Shared>>;
    fn look_boxed(&self, key: &OwnedKey) -> Option<Found<Box<dyn Any>>>;
    fn look_with_ties(&self, key: &OwnedKey) -> Option<(Found<Shared>, Ties)>;
    fn glance(&self, key: &OwnedKey) -> Option<Found<Shared>>;
    fn insert_computed(
        &self,
        key: &OwnedKey,
        value: Lent<'_>,
        lifetimes: Lifetimes,
        ticket: &Ticket,
        tags: &[u64],
    ) -> bool;
    fn put_off(&self, key: &OwnedKey, of: &Age, by: Duration);
    fn was_used(&self, key: &OwnedKey) -> Option<bool>;
    fn remove(&self, key: &OwnedKey);
    fn invalidate(&self, target: Target<'_>) -> bool;
    /// A key for which `is_it` holds.
    fn find_key(&self, is_it: &dyn Fn(&OwnedKey) -> bool) -> Option<OwnedKey>;
}

impl dyn AnyTable {
    /// The table, with the type of its values.
    pub(crate) fn typed<S: Send + Sync + 'static>(&self) -> Option<&Table<S>> {
        (self as &dyn Any).downcast_ref()
    }
}

impl<S: Clone + Send + Sync + 'static> AnyTable for Table<S> {
    fn way(&'static self, types: Types) -> Way {
        Way::to(self, types)
    }

    fn fence(&self) -> &Fence {
        self.fence()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn contains(&self, key: &OwnedKey) -> bool {
        self.contains(key)
    }

    fn look(&self, key: &OwnedKey) -> Option<Found<Shared>> {
        self.look_owned(key).map(share)
    }

    fn look_boxed(&self, key: &OwnedKey) -> Option<Found<Box<dyn Any>>> {
        let Found { value, age } = self.look_owned(key)?;
        Some(Found { value: Box::new(value), age })
    }

    fn look_with_ties(&self, key: &OwnedKey) -> Option<(Found<Shared>, Ties)> {
        self.look_with_ties(key).map(|(found, ties)| (share(found), ties))
    }

    fn glance(&self, key: &OwnedKey) -> Option<Found<Shared>> {
        self.glance(key).map(share)
    }

    fn insert_computed(
        &self,
        key: &OwnedKey,
        value: Lent<'_>,
        lifetimes: Lifetimes,
        ticket: &Ticket,
        tags: &[u64],
    ) -> bool {
        self.insert_computed(key, of_store::<S>(value).clone(), lifetimes, ticket, tags)
    }

    fn put_off(&self, key: &OwnedKey, of: &Age, by: Duration) {
        self.put_off(key, of, by);
    }

    fn was_used(&self, key: &OwnedKey) -> Option<bool> {
        self.was_used(key)
    }

    fn remove(&self, key: &OwnedKey) {
        self.remove(key);
    }

    fn invalidate(&self, target: Target<'_>) -> bool {
        self.invalidate(target)
    }

    fn find_key(&self, is_it: &dyn Fn(&OwnedKey) -> bool) -> Option<OwnedKey> {
        let mut found = None;
        self.for_each(|key, _| {
            if found.is_none() && is_it(key) {
                found = Some(key.clone());
            }
        });
        found
    }
}

/// What was found, with its value's type forgotten.
pub(crate) fn share<S: Send + Sync + 'static>(found: Found<S>) -> Found<Shared> {
    Found { value: Arc::new(found.value), age: found.age }
}
