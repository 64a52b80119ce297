//! Tags that values decide: they are known only when there is a value, so their stamps take exchanges of their own.
//!
//! The stamps of other tags are read before the body runs. To know that none of these was replaced since then, the fetch
//! reads the stamp that changes before that of any tag, and whoever stores reads it again after theirs.

use std::borrow::Cow;
use std::time::Duration;

use cachekit_backends::Result;

use super::envelope::Stamp;
use super::{Names, Seen, create_stamp, stamp, stamp_lifetime};
use crate::io::Io;
use crate::key::{Tags, names};
use crate::store::Store;

/// The tags that the value of an entry decided, with their current stamps, which takes another exchange.
pub(super) async fn decided(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    bytes: &[u8],
) -> Result<Vec<(String, Stamp)>> {
    let more = names.any_tag.as_ref().and_then(|_| {
        let envelope = store.core.form.read(bytes, &names.value).ok()?;
        let more = envelope.tags.get(names.tags.len()..)?;
        Some(more.iter().map(|tag| tag.clone().into_owned()).collect::<Vec<_>>())
    });
    let Some(more) = more.filter(|more| !more.is_empty()) else { return Ok(Vec::new()) };
    let stamps: Vec<_> = more.iter().map(|tag| names::tag_stamp(&store.core, tag)).collect();
    let found = io.get_many(&stamps.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    // One that is missing agrees with none that was ever stored.
    let current = found.iter().map(|bytes| bytes.as_deref().and_then(stamp).unwrap_or(0));
    Ok(more.into_iter().zip(current).collect())
}

/// The stamps of an entry with those of the tags that its value decided.
pub(super) fn with_decided<'a>(stamps: &'a [Stamp], decided: &[(String, Stamp)]) -> Cow<'a, [Stamp]> {
    if decided.is_empty() {
        return stamps.into();
    }
    stamps.iter().copied().chain(decided.iter().map(|(_, stamp)| *stamp)).collect()
}

/// Takes in the tags that a value decided, with their stamps: those that they had when what it is made from was read, or
/// the current ones. Nothing of the latter if one of any tags was replaced since the fetch: it may have been one of these.
pub(super) async fn take_decided(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    seen: &mut Seen,
    tags: &Tags,
    lifetime: Option<Duration>,
) -> Result<Option<Vec<Stamp>>> {
    let more = (names.tags.len()..tags.names().len()).map(|place| (&tags.names()[place], tags.stamp(place)));
    let mut more: Vec<(&String, Option<Stamp>)> = more.collect();
    let unknown: Vec<usize> = (0..more.len()).filter(|place| more[*place].1.is_none()).collect();
    if !unknown.is_empty() {
        let Some(any_tag) = &names.any_tag else { return Ok(None) };
        let stamps: Vec<_> =
            unknown.iter().map(|place| names::tag_stamp(&store.core, more[*place].0)).collect();
        let stamps: Vec<_> = stamps.iter().map(String::as_str).collect();
        let found = io.get_many(&stamps).await?;
        for ((place, name), found) in unknown.into_iter().zip(stamps).zip(found) {
            more[place].1 = Some(match found.as_deref().and_then(stamp) {
                Some(stamp) => stamp,
                None => create_stamp(io, name, found.is_some(), stamp_lifetime(lifetime)).await?,
            });
        }
        // Who replaces the stamp of a tag replaces this one first, so it is to be read last.
        let now = io.get_many(&[any_tag]).await?.pop().flatten();
        if now.as_deref().and_then(stamp) != seen.any_tag {
            return Ok(None);
        }
    }
    seen.decided = more.into_iter().filter_map(|(tag, stamp)| Some((tag.clone(), stamp?))).collect();
    Ok(Some(with_decided(&seen.stamps, &seen.decided).into_owned()))
}

impl Seen {
    /// The tags that the value decided.
    pub(crate) fn decided_tags(&self) -> impl Iterator<Item = &String> + Clone {
        self.decided.iter().map(|(tag, _)| tag)
    }

    /// The tags beyond those that are known before the value, with their stamps, if all are known.
    pub(super) fn all_decided<'a>(&self, names: &Names, tags: &'a Tags) -> Option<Vec<(&'a str, Stamp)>> {
        let places = names.tags.len()..tags.names().len();
        let stamped = places.map(|place| {
            let tag = &tags.names()[place];
            let decided = self.decided.iter().find(|(known, _)| known == tag).map(|(_, stamp)| *stamp);
            Some((tag.as_str(), decided.or_else(|| tags.stamp(place))?))
        });
        stamped.collect()
    }
}
