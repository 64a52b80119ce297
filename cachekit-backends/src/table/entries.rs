//! The entries of a shard, by the number that its policy knows them by.

use std::ptr::NonNull;
use std::vec;

use super::entry::{Header, Owned, Ref};
use super::kind::Kind;

/// Entries of one kind, eight bytes for each. Dropping it frees them.
pub(super) struct Entries {
    kind: &'static Kind,
    /// Each from an [`Owned`] of this kind, and owned.
    places: Vec<Option<NonNull<Header>>>,
}

// SAFETY: as a vector of `Owned`, which it stands for.
unsafe impl Send for Entries {}

impl Entries {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self { kind, places: Vec::new() }
    }

    /// How many numbers there are, with those that are not in use.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// A new number, without an entry.
    pub(super) fn add(&mut self) -> u32 {
        self.places.push(None);
        // A shard is never that large.
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, node: usize) -> Option<Ref<'_>> {
        // SAFETY: an entry of this kind, which goes only through `&mut self`.
        self.places[node].map(|place| unsafe { Ref::new(place, self.kind) })
    }

    /// Adds those of another shard, behind these. Of no use to a policy then.
    ///
    /// # Panics
    ///
    /// If they are of another kind.
    pub(super) fn append(&mut self, mut others: Self) {
        assert!(self.kind.is(others.kind), "entries of another kind");
        self.places.append(&mut others.places);
    }

    /// Puts those with the highest addresses first. Of no use to a policy then.
    pub(super) fn sort_downwards(&mut self) {
        self.places.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Takes out the last ones.
    pub(super) fn split_off_last(&mut self, count: usize) -> Self {
        let places = self.places.split_off(self.len().saturating_sub(count));
        Self { kind: self.kind, places }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Ref<'_>> {
        (0..self.len()).filter_map(|node| self.get(node))
    }

    /// Puts an entry in the place of the one with this number.
    ///
    /// # Panics
    ///
    /// If it is of another kind.
    pub(super) fn put(&mut self, node: usize, entry: Owned) -> Option<Owned> {
        assert!(self.kind.is(entry.kind()), "an entry of another kind");
        let old = self.places[node].replace(entry.into_place())?;
        // SAFETY: it came in as this one does, and is not among the places any more.
        Some(unsafe { Owned::from_place(old, self.kind) })
    }

    pub(super) fn take(&mut self, node: usize) -> Option<Owned> {
        let entry = self.places[node].take()?;
        // SAFETY: as in `put`.
        Some(unsafe { Owned::from_place(entry, self.kind) })
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        let places = std::mem::take(&mut self.places).into_iter();
        Rest { kind: self.kind, places }.free();
    }
}

/// Entries that are being freed. The others are, too, when the destructor of one panics, as those of a vector.
struct Rest {
    kind: &'static Kind,
    places: vec::IntoIter<Option<NonNull<Header>>>,
}

impl Rest {
    fn free(&mut self) {
        for place in self.places.by_ref().flatten() {
            // SAFETY: it was one of `Entries`, and is out of the iterator only once.
            drop(unsafe { Owned::from_place(place, self.kind) });
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::About;
    use super::super::key::OwnedKey;
    use super::super::life::Lifetimes;
    use super::*;
    use crate::Moment;

    fn entry<V: Send + Sync + 'static>(value: V) -> Owned {
        let about = About { now: Moment::NEVER, lifetimes: &Lifetimes::default(), receiver: None, tags: &[] };
        Owned::new(&OwnedKey::of(&1), value, &about).expect("an entry")
    }

    #[test]
    fn numbers_lead_to_entries() {
        let mut entries = Entries::new(Kind::of::<String>());
        let (first, second) = (entries.add() as usize, entries.add() as usize);
        assert!(entries.put(first, entry("old".to_owned())).is_none());
        let old = entries.put(first, entry("new".to_owned())).expect("the one before");
        assert_eq!(old.get().value::<String>(), "old");
        assert_eq!(entries.get(first).expect("an entry").value::<String>(), "new");
        assert!(entries.get(second).is_none() && entries.iter().count() == 1);
        assert_eq!(entries.take(first).expect("an entry").get().value::<String>(), "new");
        assert!(entries.take(first).is_none() && entries.len() == 2);
    }

    #[test]
    #[should_panic(expected = "an entry of another kind")]
    fn an_entry_of_another_kind_is_refused() {
        let mut entries = Entries::new(Kind::of::<u64>());
        let node = entries.add() as usize;
        entries.put(node, entry(1_u32));
    }

    #[test]
    #[should_panic(expected = "a value of another type")]
    fn a_value_is_not_read_as_one_of_another_type() {
        entry(1_i64).get().value::<u64>();
    }
}
