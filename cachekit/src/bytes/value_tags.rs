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

/// The stamps of an entry, and those of the tags that its value decided, which takes another exchange.
pub(super) async fn with_value_tags<'a, S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    io: Io<'_>,
    bytes: &[u8],
    stamps: &'a [Stamp],
) -> Result<Cow<'a, [Stamp]>> {
    let more = names.any_tag.as_ref().and_then(|_| {
        let envelope = store.core.form.read(bytes, &names.value).ok()?;
        let more = envelope.tags.get(names.tags.len()..)?;
        Some(more.iter().map(|tag| names::tag_stamp(&store.core, tag)).collect::<Vec<_>>())
    });
    let Some(more) = more.filter(|more| !more.is_empty()) else { return Ok(stamps.into()) };
    let more: Vec<_> = more.iter().map(String::as_str).collect();
    let found = io.get_many(&more).await?;
    // One that is missing agrees with none that was ever stored.
    let current = found.iter().map(|bytes| bytes.as_deref().and_then(stamp).unwrap_or(0));
    Ok(stamps.iter().copied().chain(current).collect())
}

/// Takes in the tags that a value decided, with their stamps. Nothing if one of any tags was replaced since the fetch: it
/// may have been one of these.
pub(super) async fn take_value_tags<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    io: Io<'_>,
    seen: &Seen,
    tags: &Tags,
    lifetime: Option<Duration>,
) -> Result<Option<Vec<Stamp>>> {
    let mut stamps = seen.stamps.clone();
    let (Some(any_tag), Some(more)) = (&names.any_tag, tags.names().get(names.tags.len()..)) else {
        return Ok(Some(stamps));
    };
    if more.is_empty() {
        return Ok(Some(stamps));
    }
    let more: Vec<_> = more.iter().map(|tag| names::tag_stamp(&store.core, tag)).collect();
    let more: Vec<_> = more.iter().map(String::as_str).collect();
    for (name, found) in more.iter().zip(io.get_many(&more).await?) {
        stamps.push(match found.as_deref().and_then(stamp) {
            Some(stamp) => stamp,
            None => create_stamp(io, name, found.is_some(), stamp_lifetime(lifetime)).await?,
        });
    }
    // Who replaces the stamp of a tag replaces this one first, so it is to be read last.
    let now = io.get_many(&[any_tag]).await?.pop().flatten();
    Ok((now.as_deref().and_then(stamp) == seen.any_tag).then_some(stamps))
}
