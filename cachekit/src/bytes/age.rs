//! How old an entry is, and what is noted about one that stays.

use std::time::Duration;

use cachekit_backends::{Age, Moment, Result};

use super::envelope::{self, Envelope};
use super::{Names, Seen, replace};
use crate::cache::Core;
use crate::io::Io;
use crate::store::Store;

/// How old the entry under a name is, by the clocks of who wrote and who reads it; none if it has ended. The end of one
/// that has only a lifetime is its backend's business, which has one clock, unless that of the reader is moved by hand.
pub(crate) fn age(core: &Core, name: &str, envelope: &Envelope<'_>) -> Option<Age> {
    let lifetimes = envelope.lifetimes;
    let by_clocks = core.clock.wall().duration_since(envelope.born);
    // Before its birth, by a clock that is behind or went back, it is as old as it has been seen for.
    let seen_for = core.sights.seen_for(name, envelope.born, by_clocks.is_err(), &core.clock);
    let mut age = by_clocks.unwrap_or_default().max(seen_for.unwrap_or_default());
    if lifetimes.is_plain() && seen_for.is_none() && !core.clock.is_manual() {
        let last =
            lifetimes.fresh.map_or(Duration::MAX, |fresh| fresh.saturating_sub(Duration::from_nanos(1)));
        age = age.min(last);
    } else {
        let idle = lifetimes.idle.map(|idle| envelope.touched.saturating_add(idle));
        if lifetimes.state(age).is_none() || idle.is_some_and(|end| age >= end) {
            return None;
        }
    }
    let is_put_off = age < envelope.put_off || core.sights.is_put_off(name, envelope.born, &core.clock);
    Some(Age { born: Moment::NEVER, age, lifetimes, is_put_off })
}

/// What is noted about an entry that stays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note {
    /// It was asked for.
    Touched,
    /// Computing a newer one failed, and is not to be tried again for so long.
    PutOff(Duration),
}

/// Writes the entry that was seen again, with a note. Not where the backend cannot compare, for a newer one could be lost:
/// there this process keeps in mind what is put off.
pub(crate) async fn note(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    seen: &mut Seen,
    note: Note,
) -> Result<()> {
    let Some(entry) = seen.entry.take() else { return Ok(()) };
    let (form, core) = (&store.core.form, &store.core);
    // It was read just now.
    let Ok(mut envelope) = form.read(&entry, &names.value) else { return Ok(()) };
    if !core.capability.compare_and_set {
        if let Note::PutOff(by) = note {
            core.sights.put_off(&names.value, envelope.born, by, &core.clock);
        }
        return Ok(());
    }
    let Some(Age { age, lifetimes, .. }) = age(core, &names.value, &envelope) else { return Ok(()) };
    match note {
        // Not each time: to the eighth of its patience is well enough.
        Note::Touched
            if lifetimes.idle.is_none_or(|idle| age.saturating_sub(envelope.touched) < idle / 8) =>
        {
            return Ok(());
        }
        Note::Touched => envelope.touched = age,
        Note::PutOff(by) => envelope.put_off = age.saturating_add(by),
    }
    let idle = lifetimes.idle.map(|idle| envelope.touched.saturating_add(idle));
    let left = lifetimes.whole().into_iter().chain(idle).min().map(|end| end.saturating_sub(age));
    if left.is_none_or(|left| !left.is_zero()) {
        let bytes = form.write(&envelope, &names.value)?;
        replace(store, names, io, seen, &bytes, left).await?;
    }
    Ok(())
}

/// Removes the entry that was seen, unless it is another one by now.
pub(crate) async fn remove(store: &Store, names: &Names, io: Io<'_>, seen: &mut Seen) -> Result<()> {
    if store.core.capability.compare_and_set {
        // For a moment: nothing is computed that it would have to keep away.
        let tombstone = envelope::tombstone(&names.value);
        replace(store, names, io, seen, &tombstone, Some(Duration::from_secs(1))).await?;
    } else {
        io.delete_many(&[&names.value]).await?;
    }
    Ok(())
}
