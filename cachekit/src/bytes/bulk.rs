//! Many calls of one function at once: one read, one fill, one look whether they are current. The stamps, which they all
//! have in common, are read once.

use std::time::{Duration, Instant};

use cachekit_backends::{Error, Found, Result, Swap};

use super::{Computed, HEAD, Mark, Names, Seen, TOMBSTONE, current_stamps, open, read, stamp, write};
use crate::io::Io;
use crate::key::Tags;
use crate::store::Store;
use crate::value::Carrier;
use crate::values::{Lent, Shared};

/// Reads the values of some calls and their stamps, as [`fetch`](super::fetch) does those of one.
pub(crate) async fn fetch(
    store: &Store,
    names: &[&Names],
    io: Io<'_>,
    carrier: Carrier,
    lifetime: Option<Duration>,
) -> Result<Vec<(Option<Found<Shared>>, Seen)>> {
    let Some(first) = names.first() else { return Ok(Vec::new()) };
    let at = Instant::now();
    let mut found = read(store, first, &all(first, names), io, lifetime, None).await?.into_iter();
    let values: Vec<_> = found.by_ref().take(names.len()).collect();
    let stamps = current_stamps(store, first, found, io, lifetime).await?;
    let entry = |(names, read): (&&Names, Option<_>)| {
        let found = read
            .as_ref()
            .and_then(|read: &cachekit_backends::Read| open(store, names, &stamps, &read.value, carrier));
        let mark = read.as_ref().map(Mark::of_read);
        (found, Seen { mark, stamps: stamps.clone(), any_tag: None, decided: Vec::new(), at, entry: None })
    };
    Ok(names.iter().zip(values).map(entry).collect())
}

/// The names of the values, then those of the stamps.
fn all<'a>(first: &'a Names, names: &[&'a Names]) -> Vec<&'a str> {
    names.iter().map(|names| names.value()).chain(first.stamps()).collect()
}

/// A value to be stored under what the fetch saw, which then is what was written.
#[derive(Debug)]
pub(crate) struct Filling<'a> {
    pub(crate) names: &'a Names,
    pub(crate) seen: &'a mut Seen,
    pub(crate) value: Lent<'a>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) tags: &'a Tags,
}

/// What became of a value.
#[derive(Debug)]
pub(crate) enum Filled {
    Stored,
    /// It was invalidated, or somebody else stored one.
    Rejected,
    /// It cannot be bytes.
    Unfit(Error),
    /// The backend did not answer, which is said once for all.
    Failed,
}

/// Stores values as [`fill`](super::fill) does one: each only over what the fetch saw.
pub(crate) async fn fill(
    store: &Store,
    io: Io<'_>,
    carrier: Carrier,
    mut items: Vec<Filling<'_>>,
) -> (Vec<Filled>, Option<Error>) {
    let written: Vec<Result<Option<Vec<u8>>>> = items
        .iter()
        .map(|item| {
            if item.seen.at.elapsed() > TOMBSTONE / 2 {
                return Ok(None);
            }
            let (lifetimes, tags) = (item.lifetime.into(), item.tags);
            let result = Computed { value: item.value, lifetimes, tags };
            write(store, item.names, carrier, item.seen.stamps.clone(), &result).map(Some)
        })
        .collect();
    let swaps = items.iter().zip(&written).filter_map(|(item, bytes)| {
        let bytes = bytes.as_ref().ok()?.as_ref()?;
        let seen = item.seen.mark.as_ref().map(Mark::seen);
        Some(Swap::new(item.names.value(), bytes).seen(seen).lifetime(item.lifetime))
    });
    let swaps: Vec<_> = swaps.collect();
    let stored = if store.core.capability.compare_and_set {
        io.compare_and_set_many(&swaps).await
    } else {
        set_each(io, &swaps).await
    };
    drop(swaps);
    let (stored, failure) = match stored {
        Ok(stored) => (Some(stored), None),
        Err(error) => (None, Some(error)),
    };
    let mut stored = stored.map(Vec::into_iter);
    let filled = items.iter_mut().zip(written).map(|(item, bytes)| match (bytes, &mut stored) {
        (Err(error), _) => Filled::Unfit(error),
        (Ok(None), _) => Filled::Rejected,
        (Ok(Some(_)), None) => Filled::Failed,
        (Ok(Some(bytes)), Some(stored)) => {
            if stored.next() == Some(true) {
                item.seen.mark = Some(Mark::of(&bytes));
                Filled::Stored
            } else {
                Filled::Rejected
            }
        }
    });
    (filled.collect(), failure)
}

/// Stores values whatever is there: one operation for those that live equally long.
async fn set_each(io: Io<'_>, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
    let mut stored = vec![false; swaps.len()];
    let mut lifetimes: Vec<_> = swaps.iter().map(|swap| swap.lifetime).collect();
    lifetimes.sort_unstable();
    lifetimes.dedup();
    for lifetime in lifetimes {
        let places = (0..swaps.len()).filter(|place| swaps[*place].lifetime == lifetime);
        let places: Vec<_> = places.collect();
        let items: Vec<_> = places.iter().map(|place| (swaps[*place].key, swaps[*place].value)).collect();
        for (place, is_stored) in places.into_iter().zip(io.set_many(&items, lifetime).await?) {
            stored[place] = is_stored;
        }
    }
    Ok(stored)
}

/// Whether the keys and their stamps are still as they were seen, as [`is_current`](super::is_current).
pub(crate) async fn are_current(seen: &[(&Names, &Seen)], io: Io<'_>) -> Result<Vec<bool>> {
    let Some((first, _)) = seen.first() else { return Ok(Vec::new()) };
    let names: Vec<_> = seen.iter().map(|(names, _)| *names).collect();
    let found = io.get_many(&all(first, &names)).await?;
    let stamps: Vec<_> = found.iter().skip(seen.len()).filter_map(|bytes| stamp(bytes.as_deref()?)).collect();
    let is_current = |((_, seen), bytes): (&(&Names, &Seen), &Option<Vec<u8>>)| {
        let head = bytes.as_deref().map(|bytes| &bytes[..HEAD.min(bytes.len())]);
        stamps == seen.stamps && head == seen.mark.as_ref().map(|mark| &*mark.head)
    };
    Ok(seen.iter().zip(&found).map(is_current).collect())
}
