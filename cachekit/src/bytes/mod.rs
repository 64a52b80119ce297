//! Memoized calls as bytes in a backend: fetch with stamps, conditional fill, tombstones.
//!
//! A fetch is one multi-get of the value and the stamps that must agree with it. A fill is conditional on what the
//! fetch saw under the key, and written under the stamps that were current *before* the body ran: whatever was
//! invalidated meanwhile makes the entry dead on arrival or is still there as a tombstone.

mod age;
pub(crate) mod bulk;
pub(crate) mod envelope;
pub(crate) mod form;
mod function;
pub(crate) mod known;
mod lease;
mod names;
pub(crate) mod pack;
pub(crate) mod refusal;
pub(crate) mod seal;
pub(crate) mod sights;
mod value_tags;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use cachekit_backends::{Error, ErrorKind, Found, Lifetimes, Read, Result};

pub(crate) use self::age::{Note, age, note, remove};
use self::envelope::{Envelope, HEAD, Stamp, random};
pub(crate) use self::lease::{Claim, Holder, Lease};
pub(crate) use self::names::{Names, StampOf};
use self::refusal::Reason;
use self::value_tags::{decided, take_decided, with_decided};
use crate::cache::Core;
use crate::io::Io;
use crate::key::Tags;
use crate::key::names::tag_stamp;
use crate::key::tags::Tie;
use crate::store::Store;
use crate::value::Carrier;
use crate::values::{Lent, Shared};

/// How long the place of a forgotten call is kept. A computation that takes longer than half of it stores nothing.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(600);

/// An instance's stamp outlives the entries under it by this factor, and lives at least [`STAMP`].
const STAMP_FACTOR: u32 = 2;
const STAMP: Duration = Duration::from_secs(24 * 3600);

/// How long the stamp of a tag lives once it was replaced: entries under it that live longer than this are lost then.
pub(crate) const TAG_STAMP: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a fetch saw, or a fill wrote.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What was under the key.
    mark: Option<Mark>,
    stamps: Vec<Stamp>,
    /// That of [`Names::any_tag`].
    any_tag: Option<Stamp>,
    /// The tags that the value decided, with their stamps.
    decided: Vec<(String, Stamp)>,
    at: Instant,
    /// The whole entry, if it is one that may have to be written again.
    entry: Option<Vec<u8>>,
}

impl Seen {
    /// Whether the other look saw the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let head = |seen: &Self| seen.mark.as_ref().map(|mark| mark.head.clone());
        self.stamps == other.stamps && head(self) == head(other)
    }

    /// What a value has these tags by that was found or stored here.
    pub(crate) fn ties(&self, names: &Names, tags: &Tags) -> Vec<Tie> {
        let of_tags = self.stamps.len().saturating_sub(names.tags.len());
        let known = names.tags.iter().zip(&self.stamps[of_tags..]).map(|(tag, stamp)| (tag, Some(*stamp)));
        let decided = self.decided.iter().map(|(tag, stamp)| (tag, Some(*stamp)));
        let all: Vec<_> = known.chain(decided).collect();
        let others = tags.names().iter().enumerate();
        let others = others.filter(|(_, tag)| !all.iter().any(|(known, _)| known == tag));
        let others = others.map(|(place, tag)| (tag, tags.stamp(place)));
        all.iter().copied().chain(others).map(|(tag, stamp)| Tie::new(tag, stamp)).collect()
    }
}

/// What an entry is recognised by: the head that no other write has, and the store's own token if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    head: Vec<u8>,
    token: Option<u64>,
}

impl Mark {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { head: bytes[..HEAD.min(bytes.len())].to_vec(), token: None }
    }

    pub(crate) fn of_read(read: &Read) -> Self {
        Self { token: read.token, ..Self::of(&read.value) }
    }

    pub(crate) fn seen(&self) -> cachekit_backends::Seen<'_> {
        cachekit_backends::Seen::new(&self.head).token(self.token)
    }
}

/// Reads the value, with its age, and its stamps; stamps that are missing are created.
pub(crate) async fn fetch(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier,
    lifetime: Option<Duration>,
) -> Result<(Option<Found<Shared>>, Seen)> {
    let (found, seen, _) = look(store, names, io, carrier, lifetime, None).await?;
    Ok((found, seen))
}

/// As [`fetch`], and lays claim to the lease of the call in the same exchange. Says who holds it, if anybody does.
pub(crate) async fn fetch_claiming(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier,
    lifetime: Option<Duration>,
    claim: &Claim,
) -> Result<(Option<Found<Shared>>, Seen, Option<Holder>)> {
    let (found, seen, held) = look(store, names, io, carrier, lifetime, Some(claim)).await?;
    let mut holder = claim.judge(&store.core, held.as_ref().map(|read| &*read.value));
    if holder.is_none()
        && let Some(held) = held
        && io
            .compare_and_set(&claim.name, Some(Mark::of_read(&held).seen()), &claim.bytes, Some(lease::LEASE))
            .await?
    {
        holder = Some(Holder::Us(claim.lease(&store.core)));
    }
    Ok((found, seen, holder))
}

async fn look(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier,
    lifetime: Option<Duration>,
    claim: Option<&Claim>,
) -> Result<(Option<Found<Shared>>, Seen, Option<Read>)> {
    let at = Instant::now();
    let mut all = names.all();
    all.extend(names.any_tag.as_deref());
    all.extend(claim.map(|claim| &*claim.name));
    let mut found = read(store, names, &all, io, lifetime, claim).await?;
    let held = claim.and_then(|_| found.pop().flatten());
    let mut found = found.into_iter();
    let value = found.next().flatten();
    let stamps = current_stamps(store, names, found.by_ref(), io, lifetime).await?;
    let any_tag = match (&names.any_tag, found.next()) {
        (None, _) => None,
        (Some(name), found) => {
            let current = found.flatten();
            Some(match current.as_ref().and_then(|read| stamp(&read.value)) {
                Some(stamp) => stamp,
                None => create_stamp(io, name, current.is_some(), None).await?,
            })
        }
    };
    let (found, decided) = match &value {
        None => (None, Vec::new()),
        Some(read) => {
            let decided = decided(store, names, io, &read.value).await?;
            let all = with_decided(&stamps, &decided);
            (open(store, names, &all, &read.value, carrier), decided)
        }
    };
    let mark = value.as_ref().map(Mark::of_read);
    let may_be_renewed = found.as_ref().is_some_and(|found| found.age.is_some());
    let entry = value.filter(|_| may_be_renewed).map(|read| read.value);
    Ok((found, Seen { mark, stamps, any_tag, decided, at, entry }, held))
}

/// The stamps in what was found under their names; those that are missing are created.
async fn current_stamps(
    store: &Store,
    names: &Names,
    found: impl Iterator<Item = Option<Read>>,
    io: Io<'_>,
    lifetime: Option<Duration>,
) -> Result<Vec<Stamp>> {
    let mut stamps = Vec::with_capacity(2);
    for (index, (name, found)) in names.stamps().zip(found).enumerate() {
        let current = found.as_ref().and_then(|read| stamp(&read.value));
        names.note(&store.core.known, index, name, current.is_some());
        let stamp = if let Some(stamp) = current {
            stamp
        } else {
            let lifetime = names.lifetime_of_stamp(index, lifetime);
            create_stamp(io, name, found.is_some(), lifetime).await?
        };
        stamps.push(stamp);
    }
    Ok(stamps)
}

/// Reads these names in one exchange, which first creates the stamps that are not known to be there, and lays the claim.
async fn read(
    store: &Store,
    names: &Names,
    all: &[&str],
    io: Io<'_>,
    lifetime: Option<Duration>,
    claim: Option<&Claim>,
) -> Result<Vec<Option<Read>>> {
    let known = &store.core.known;
    let unknown: Vec<(usize, &str)> =
        names.stamps().enumerate().filter(|(index, name)| !names.is_known(known, *index, name)).collect();
    if unknown.is_empty() && claim.is_none() {
        return io.read_many(all).await;
    }
    let fresh: Vec<_> = unknown.iter().map(|_| random().to_le_bytes()).collect();
    let new: Vec<(&str, &[u8], _)> = unknown
        .iter()
        .zip(&fresh)
        .map(|((index, name), fresh)| (*name, &fresh[..], names.lifetime_of_stamp(*index, lifetime)))
        .chain(claim.map(|claim| (&*claim.name, &claim.bytes[..], Some(lease::LEASE))))
        .collect();
    io.add_and_read(&new, all).await
}

/// The value in an entry, with its age, if everything about it is as it must be.
fn open(
    store: &Store,
    names: &Names,
    stamps: &[Stamp],
    bytes: &[u8],
    carrier: Carrier,
) -> Option<Found<Shared>> {
    let ageless = |value| Found { value, age: None };
    let (codec, form) = (&*store.core.codec, &store.core.form);
    let refuse = |reason| form.refuse(reason, store.site.name());
    let envelope = match form.read(bytes, &names.value) {
        Ok(envelope) => envelope,
        Err(reason) => {
            // An integer that a user set.
            let may_be_integer = reason == Reason::Foreign && names.is_open() && !form.is_sealed();
            let integer = if may_be_integer { envelope::integer(bytes) } else { None };
            if integer.is_none() {
                refuse(reason);
            }
            return integer.and_then(carrier.integer).map(ageless);
        }
    };
    let is_integer = envelope.codec == envelope::INTEGER && names.is_open();
    let is_value = envelope.codec == codec.id() && envelope.shape == names.function.shape(store.values);
    let is_ours = envelope.second == names.second && envelope.stamps == stamps;
    // What a user set under the key has no second digest and knows of no receiver; under the key of a call it carries
    // the function's stamp.
    let is_users = envelope.second == 0
        && names.instance == 0
        && (envelope.stamps == stamps || (envelope.stamps.is_empty() && names.is_open()));
    if !is_value && !is_integer {
        refuse(Reason::OtherType);
        return None;
    }
    if !is_ours && !is_users {
        if envelope.stamps == stamps {
            refuse(Reason::OtherCall);
        }
        return None;
    }
    let payload = form.unpack(&envelope).map_err(refuse).ok()?;
    if is_integer {
        return envelope::integer(&payload).and_then(carrier.integer).map(ageless);
    }
    let age = age(&store.core, &names.value, &envelope)?;
    let value = (carrier.decode)(codec, &payload).map_err(|_| refuse(Reason::OtherType)).ok()?;
    Some(Found { value, age: Some(age) })
}

/// A result to be stored.
#[derive(Debug)]
pub(crate) struct Computed<'a> {
    pub(crate) value: Lent<'a>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) tags: &'a Tags,
}

/// Stores a value under what the fetch saw, which then is what was written. Says whether it did.
pub(crate) async fn fill(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier,
    seen: &mut Seen,
    result: Computed<'_>,
) -> Result<bool> {
    let Computed { lifetimes, tags, .. } = result;
    if seen.at.elapsed() > TOMBSTONE / 2 {
        return Ok(false);
    }
    let Some(stamps) = take_decided(store, names, io, seen, tags, lifetimes.whole()).await? else {
        return Ok(false);
    };
    let bytes = write(store, names, carrier, stamps, &result)?;
    replace(store, names, io, seen, &bytes, lifetimes.until_idle()).await
}

/// The bytes of a value under what the fetch saw and these stamps.
fn write(
    store: &Store,
    names: &Names,
    carrier: Carrier,
    stamps: Vec<Stamp>,
    result: &Computed<'_>,
) -> Result<Vec<u8>> {
    let Computed { value, lifetimes, tags } = *result;
    let (codec, form) = (&*store.core.codec, &store.core.form);
    let payload = (carrier.encode)(codec, value)?;
    let envelope = Envelope {
        codec: codec.id(),
        born: store.core.clock.wall(),
        lifetimes,
        touched: Duration::ZERO,
        put_off: Duration::ZERO,
        shape: names.function.shape(store.values),
        second: names.second,
        instance: names.instance,
        stamps,
        owner: Cow::Borrowed(names.owner()),
        tags: tags.names().iter().map(|tag| tag.as_str().into()).collect(),
        payload: form.pack(&payload),
    };
    form.write(&envelope, &names.value)
}

/// Stores an entry in the place of what was seen, which then is what was written. Says whether it did.
async fn replace(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    seen: &mut Seen,
    bytes: &[u8],
    lifetime: Option<Duration>,
) -> Result<bool> {
    let stored = if store.core.capability.compare_and_set {
        io.compare_and_set(&names.value, seen.mark.as_ref().map(Mark::seen), bytes, lifetime).await?
    } else {
        io.set_many(&[(&names.value, bytes)], lifetime).await? == [true]
    };
    if stored {
        seen.mark = Some(Mark::of(bytes));
    }
    Ok(stored)
}

/// Whether the key and its stamps are still as they were seen: nothing was invalidated since. `tags` are those of the value.
pub(crate) async fn is_current(
    core: &Core,
    names: &Names,
    io: Io<'_>,
    seen: &Seen,
    tags: &Tags,
) -> Result<bool> {
    let Some(decided) = seen.all_decided(names, tags) else { return Ok(false) };
    let more: Vec<_> = decided.iter().map(|(tag, _)| tag_stamp(core, tag)).collect();
    let mut all = names.all();
    all.extend(more.iter().map(String::as_str));
    let found = io.get_many(&all).await?;
    let stamps = found.iter().skip(1).map(|bytes| stamp(bytes.as_deref()?));
    let expected = seen.stamps.iter().copied().chain(decided.iter().map(|(_, stamp)| *stamp));
    let head = found.first().and_then(Option::as_deref).map(|bytes| &bytes[..HEAD.min(bytes.len())]);
    Ok(stamps.eq(expected.map(Some)) && head == seen.mark.as_ref().map(|mark| &*mark.head))
}

/// Forgets one call, so that no computation in progress can store it any more; says whether it was stored.
pub(crate) async fn forget(value: &str, io: Io<'_>, can_compare: bool) -> Result<bool> {
    if !can_compare {
        return Ok(io.delete_many(&[value]).await? == [true]);
    }
    let found = io.get_many(&[value]).await?.pop().flatten();
    let tombstone = envelope::tombstone(value);
    if !has_room(io, value, &tombstone, Some(TOMBSTONE)).await? {
        // What is removed makes room.
        io.delete_many(&[value]).await?;
        if has_room(io, value, &tombstone, Some(TOMBSTONE)).await? {
            return Ok(found.is_some_and(|bytes| !envelope::is_tombstone(&bytes, value)));
        }
        let message = "the value is removed, but the backend has no room for what keeps a computation that began before \
                       from storing it again";
        return Err(Error::new(ErrorKind::NoSpace, message).with_context("key", value));
    }
    Ok(found.is_some_and(|bytes| !envelope::is_tombstone(&bytes, value)))
}

/// Stores bytes if the backend has room for them; says whether it has.
async fn has_room(io: Io<'_>, name: &str, bytes: &[u8], lifetime: Option<Duration>) -> Result<bool> {
    match io.set_many(&[(name, bytes)], lifetime).await {
        Err(error) if error.kind() == ErrorKind::NoSpace => Ok(false),
        stored => Ok(stored? == [true]),
    }
}

/// Replaces a stamp, so that all entries under the old one are dead.
pub(crate) async fn replace_stamp(io: Io<'_>, name: &str, lifetime: Option<Duration>) -> Result<()> {
    if !has_room(io, name, &random().to_le_bytes(), lifetime).await? {
        // There is no room for it. Without any stamp they are as dead.
        io.delete_many(&[name]).await?;
    }
    Ok(())
}

/// Replaces stamps one after the other in one exchange; says whether there was room for all.
pub(crate) async fn replace_stamps(io: Io<'_>, names: &[String], lifetime: Duration) -> Result<bool> {
    let stamps: Vec<_> = names.iter().map(|_| random().to_le_bytes()).collect();
    let items: Vec<_> = names.iter().zip(&stamps).map(|(name, stamp)| (&**name, &stamp[..])).collect();
    match io.set_many(&items, Some(lifetime)).await {
        Err(error) if error.kind() == ErrorKind::NoSpace => Ok(false),
        stored => Ok(stored?.iter().all(|stored| *stored)),
    }
}

/// How long an instance's stamp lives, whose entries live so long. A lost one only makes its entries misses.
pub(crate) fn stamp_lifetime(entries: Option<Duration>) -> Option<Duration> {
    entries.map(|lifetime| lifetime.saturating_mul(STAMP_FACTOR).max(STAMP))
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

/// Creates a missing stamp, or takes the one that another process created meanwhile. Boxed, as few calls await it: all would
/// have its room.
fn create_stamp<'a>(
    io: Io<'a>,
    name: &'a str,
    damaged: bool,
    lifetime: Option<Duration>,
) -> Pin<Box<dyn Future<Output = Result<Stamp>> + Send + 'a>> {
    Box::pin(async move {
        let fresh = random();
        if damaged {
            replace_stamp(io, name, lifetime).await?;
        } else if io.add(name, &fresh.to_le_bytes(), lifetime).await? {
            return Ok(fresh);
        }
        let found = io.get_many(&[name]).await?.pop().flatten();
        // Gone again: a stamp that nothing agrees with makes the entry a miss.
        Ok(found.as_deref().and_then(stamp).unwrap_or(fresh))
    })
}

/// The value, if it is there and its stamps agree, with these; creates nothing.
pub(crate) async fn peek(
    store: &Store,
    names: &Names,
    io: Io<'_>,
    carrier: Carrier,
) -> Result<Option<(Found<Shared>, Seen)>> {
    let at = Instant::now();
    let found = io.get_many(&names.all()).await?;
    let stamps: Vec<_> = found.iter().skip(1).filter_map(|bytes| stamp(bytes.as_deref()?)).collect();
    let Some(bytes) = found.first().and_then(Option::as_deref) else { return Ok(None) };
    let decided = decided(store, names, io, bytes).await?;
    let found = open(store, names, &with_decided(&stamps, &decided), bytes, carrier);
    let mark = Some(Mark::of(bytes));
    Ok(found.map(|found| (found, Seen { mark, stamps, any_tag: None, decided, at, entry: None })))
}
