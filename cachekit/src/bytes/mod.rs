//! Memoized calls as bytes in a backend: fetch with stamps, conditional fill, tombstones.
//!
//! A fetch is one multi-get of the value and the stamps that must agree with it. A fill is conditional on what the
//! fetch saw under the key, and written under the stamps that were current *before* the body ran: whatever was
//! invalidated meanwhile makes the entry dead on arrival or is still there as a tombstone.

pub(crate) mod envelope;

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use cachekit_backends::{OwnedKey, Result};

use self::envelope::{Envelope, HEAD, Reason, Stamp, random};
use crate::io::Io;
use crate::key::names;
use crate::store::Store;
use crate::value::Carrier;

/// How long the place of a forgotten call is kept. A computation that takes longer than half of it stores nothing.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(600);

/// An instance's stamp outlives the entries under it by this factor, and lives at least [`STAMP`].
const STAMP_FACTOR: u32 = 2;
const STAMP: Duration = Duration::from_secs(24 * 3600);

/// The backend's names for what belongs to one call.
#[derive(Debug)]
pub(crate) struct Names {
    value: String,
    /// The stamp of the function, then that of the instance; none for `#[cached]`.
    stamps: Vec<String>,
    instance: u128,
    second: u128,
    /// The function, where the key is a text of the user's that does not name it.
    owner: Cow<'static, str>,
}

impl Names {
    /// The backend's name for the value.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// All names, that of the value first: one multi-get.
    fn all(&self) -> Vec<&str> {
        std::iter::once(&self.value).chain(&self.stamps).map(String::as_str).collect()
    }
}

/// What a fetch saw, or a fill wrote.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What the bytes under the key began with.
    head: Option<Vec<u8>>,
    stamps: Vec<Stamp>,
    at: Instant,
}

impl Names {
    /// The names for a call with this key and text.
    pub(crate) fn new<S: Clone + Send + Sync + 'static>(
        store: &Store<S>,
        key: &OwnedKey,
        text: &str,
        instance: Option<&OwnedKey>,
    ) -> Self {
        let (core, site, types) = (&store.core, store.site, store.types);
        let mut owner = Cow::Borrowed("");
        let instance = instance.map_or(0, |instance| names::instance(core, site, instance));
        let mut stamps = Vec::new();
        if !site.options.by_request {
            let function = names::function(site);
            stamps.push(names::function_stamp(core, &function));
            if instance != 0 {
                stamps.push(names::instance_stamp(core, &function, instance));
            }
            if !names::is_of(text, &function) {
                owner = function;
            }
        }
        Self {
            value: core.backend_key(&names::fit_text(text)),
            stamps,
            instance,
            // A `#[cached]` key is shared by all who name it.
            second: if site.options.by_request { 0 } else { names::second(core, site, types, key) },
            owner,
        }
    }

    /// Whether users may write under the key without knowing of stamps: a text of their own.
    fn is_open(&self) -> bool {
        self.stamps.is_empty() || !self.owner.is_empty()
    }
}

/// Reads the value and its stamps; stamps that are missing are created.
pub(crate) async fn fetch<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier<S>,
    lifetime: Option<Duration>,
) -> Result<(Option<S>, Seen)> {
    let at = Instant::now();
    let mut found = io.get_many(&names.all()).await?.into_iter();
    let value = found.next().flatten();
    let mut stamps = Vec::with_capacity(names.stamps.len());
    for (index, (name, found)) in names.stamps.iter().zip(found).enumerate() {
        stamps.push(match found.as_deref().and_then(stamp) {
            Some(stamp) => stamp,
            None => {
                create_stamp(
                    io,
                    name,
                    found.is_some(),
                    if index == 0 { None } else { stamp_lifetime(lifetime) },
                )
                .await?
            }
        });
    }
    let entry = value.as_deref().and_then(|bytes| open(store, names, &stamps, bytes, carrier));
    let head = value.as_deref().map(head_of);
    Ok((entry, Seen { head, stamps, at }))
}

/// The value in an entry, if everything about it is as it must be.
fn open<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    stamps: &[Stamp],
    bytes: &[u8],
    carrier: Carrier<S>,
) -> Option<S> {
    let codec = &*store.core.codec;
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        // An integer that a user set.
        Err(Reason::Foreign) if names.is_open() => {
            return std::str::from_utf8(bytes).ok()?.parse().ok().and_then(carrier.integer);
        }
        Err(Reason::Tombstone | Reason::Foreign) => return None,
        Err(Reason::Damaged) => {
            log::debug!("{}: an entry is damaged, taking it for a miss", store.site.name());
            return None;
        }
    };
    let is_value = envelope.codec == codec.id() && envelope.shape == envelope::shape_of::<S>();
    let is_ours = envelope.second == names.second && envelope.stamps == stamps;
    // What a user set under the key has no second digest and knows of no receiver; under the key of a call it carries
    // the function's stamp.
    let is_users = envelope.second == 0
        && names.instance == 0
        && (envelope.stamps == stamps || (envelope.stamps.is_empty() && names.is_open()));
    if !is_value || !(is_ours || is_users) {
        return None;
    }
    (carrier.decode)(codec, envelope.payload).ok()
}

/// Stores a value under what the fetch saw, which then is what was written. Says whether it did.
pub(crate) async fn fill<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier<S>,
    seen: &mut Seen,
    value: &S,
    lifetime: Option<Duration>,
) -> Result<bool> {
    if seen.at.elapsed() > TOMBSTONE / 2 {
        return Ok(false);
    }
    let codec = &*store.core.codec;
    let envelope = Envelope {
        codec: codec.id(),
        born: SystemTime::now(),
        lifetime,
        compute: seen.at.elapsed(),
        shape: envelope::shape_of::<S>(),
        second: names.second,
        instance: names.instance,
        stamps: seen.stamps.clone(),
        owner: &names.owner,
        payload: &(carrier.encode)(codec, value)?,
    };
    let bytes = envelope.write();
    let stored = if store.core.capability.compare_and_set {
        io.compare_and_set(&names.value, seen.head.as_deref(), &bytes, lifetime).await?
    } else {
        io.set_many(&[(&names.value, &bytes)], lifetime).await? == [true]
    };
    if stored {
        seen.head = Some(head_of(&bytes));
    }
    Ok(stored)
}

/// Whether the key and its stamps are still as they were seen: nothing was invalidated since.
pub(crate) async fn is_current(names: &Names, io: Io<'_>, seen: &Seen) -> Result<bool> {
    let found = io.get_many(&names.all()).await?;
    let stamps: Vec<_> = found.iter().skip(1).filter_map(|bytes| stamp(bytes.as_deref()?)).collect();
    let head = found.first().and_then(Option::as_deref).map(head_of);
    Ok(stamps == seen.stamps && head == seen.head)
}

/// Forgets one call, so that no computation in progress can store it any more; says whether it was stored.
pub(crate) async fn forget(value: &str, io: Io<'_>, can_compare: bool) -> Result<bool> {
    if !can_compare {
        return Ok(io.delete_many(&[value]).await? == [true]);
    }
    let found = io.get_many(&[value]).await?.pop().flatten();
    io.set_many(&[(value, &envelope::tombstone())], Some(TOMBSTONE)).await?;
    Ok(found.is_some_and(|bytes| !envelope::is_tombstone(&bytes)))
}

/// Replaces a stamp, so that all entries under the old one are dead.
pub(crate) async fn replace_stamp(io: Io<'_>, name: &str, lifetime: Option<Duration>) -> Result<()> {
    io.set_many(&[(name, &random().to_le_bytes())], lifetime).await.map(drop)
}

/// How long an instance's stamp lives, whose entries live so long. A lost one only makes its entries misses.
pub(crate) fn stamp_lifetime(entries: Option<Duration>) -> Option<Duration> {
    entries.map(|lifetime| lifetime.saturating_mul(STAMP_FACTOR).max(STAMP))
}

fn head_of(bytes: &[u8]) -> Vec<u8> {
    bytes[..HEAD.min(bytes.len())].to_vec()
}

/// The stamp that bytes are.
pub(crate) fn stamp(bytes: &[u8]) -> Option<Stamp> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

/// The current stamp of a function, created if it is missing.
pub(crate) async fn function_stamp(io: Io<'_>, name: &str) -> Result<Stamp> {
    let found = io.get_many(&[name]).await?.pop().flatten();
    match found.as_deref().and_then(stamp) {
        Some(stamp) => Ok(stamp),
        None => create_stamp(io, name, found.is_some(), None).await,
    }
}

/// Creates a missing stamp, or takes the one that another process created meanwhile.
async fn create_stamp(io: Io<'_>, name: &str, damaged: bool, lifetime: Option<Duration>) -> Result<Stamp> {
    let fresh = random();
    if damaged {
        replace_stamp(io, name, lifetime).await?;
    } else if io.add(name, &fresh.to_le_bytes(), lifetime).await? {
        return Ok(fresh);
    }
    let found = io.get_many(&[name]).await?.pop().flatten();
    // Gone again: a stamp that nothing agrees with makes the entry a miss.
    Ok(found.as_deref().and_then(stamp).unwrap_or(fresh))
}

/// The value, if it is there and its stamps agree; creates nothing.
pub(crate) async fn peek<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier<S>,
) -> Result<Option<S>> {
    let found = io.get_many(&names.all()).await?;
    let stamps: Vec<_> = found.iter().skip(1).filter_map(|bytes| stamp(bytes.as_deref()?)).collect();
    let value = found.first().and_then(Option::as_deref);
    Ok(value.and_then(|bytes| open(store, names, &stamps, bytes, carrier)))
}
