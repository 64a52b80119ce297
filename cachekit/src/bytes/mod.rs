//! Memoized calls as bytes in a backend: fetch with stamps, conditional fill, tombstones.
//!
//! A fetch is one multi-get of the value and the stamps that must agree with it. A fill is conditional on what the
//! fetch saw under the key, and written under the stamps that were current *before* the body ran: whatever was
//! invalidated meanwhile makes the entry dead on arrival or is still there as a tombstone.

pub(crate) mod bulk;
pub(crate) mod envelope;
pub(crate) mod form;
mod function;
pub(crate) mod known;
pub(crate) mod pack;
pub(crate) mod refusal;
pub(crate) mod seal;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cachekit_backends::{Error, ErrorKind, OwnedKey, Read, Result};

use self::envelope::{Envelope, HEAD, Stamp, random};
use self::function::Function;
use self::known::Known;
use self::refusal::Reason;
use crate::cache::Core;
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
    function: Arc<Function>,
    /// Whether the function's stamp is asked for: not for `#[cached]`.
    is_stamped: bool,
    /// The instance's stamp.
    instance_stamp: Option<String>,
    instance: u128,
    second: u128,
    /// The key is a text of the user's that does not name the function.
    is_owned: bool,
}

impl Names {
    /// The backend's name for the value.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// The stamp of the function, then that of the instance; none for `#[cached]`.
    fn stamps(&self) -> impl Iterator<Item = &str> {
        self.is_stamped.then_some(&*self.function.stamp).into_iter().chain(self.instance_stamp.as_deref())
    }

    /// All names, that of the value first: one multi-get.
    fn all(&self) -> Vec<&str> {
        let mut all = Vec::with_capacity(3);
        all.push(&*self.value);
        all.extend(self.stamps());
        all
    }

    /// The function, where the key does not name it.
    fn owner(&self) -> &str {
        if self.is_owned { &self.function.name } else { "" }
    }
}

/// What a fetch saw, or a fill wrote.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What was under the key.
    mark: Option<Mark>,
    stamps: Vec<Stamp>,
    at: Instant,
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

impl Names {
    /// The names for a call with this key and text.
    pub(crate) fn new<S: Clone + Send + Sync + 'static>(
        store: &Store<S>,
        key: &OwnedKey,
        text: &str,
        instance: Option<&OwnedKey>,
    ) -> Self {
        let (core, site, types) = (&store.core, store.site, store.types);
        let function = core.known.function(core, site, types);
        let instance = instance.map_or(0, |instance| names::instance(core, site, instance));
        let is_stamped = !site.options.by_request;
        let has_instance = is_stamped && instance != 0;
        Self {
            value: core.backend_key(&names::fit_text(text)),
            is_stamped,
            instance_stamp: has_instance.then(|| names::instance_stamp(core, &function.name, instance)),
            instance,
            // A `#[cached]` key is shared by all who name it.
            second: if is_stamped { function.second(key) } else { 0 },
            is_owned: is_stamped && !names::is_of(text, &function.name),
            function,
        }
    }

    /// The names for another call of the same function and instance.
    pub(crate) fn of_another(&self, core: &Core, key: &OwnedKey) -> Self {
        let function = &self.function;
        Self {
            value: core.backend_key(&names::fit_text(&function.text(key))),
            instance_stamp: self.instance_stamp.clone(),
            second: function.second(key),
            function: Arc::clone(function),
            ..*self
        }
    }

    /// Whether users may write under the key without knowing of stamps: a text of their own.
    fn is_open(&self) -> bool {
        !self.is_stamped || self.is_owned
    }

    /// Whether the backend is known to have the stamp at this place of [`stamps`](Self::stamps).
    fn is_known(&self, known: &Known, place: usize, name: &str) -> bool {
        if place == 0 { self.function.has_stamp() } else { known.has(name) }
    }

    /// Notes whether it has.
    fn note(&self, known: &Known, place: usize, name: &str, is_there: bool) {
        if place == 0 {
            self.function.note_stamp(is_there);
        } else {
            known.note(name, is_there);
        }
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
    let mut found = read(store, names, &names.all(), io, lifetime).await?.into_iter();
    let value = found.next().flatten();
    let stamps = current_stamps(store, names, found, io, lifetime).await?;
    let entry = value.as_ref().and_then(|read| open(store, names, &stamps, &read.value, carrier));
    Ok((entry, Seen { mark: value.as_ref().map(Mark::of_read), stamps, at }))
}

/// The stamps in what was found under their names; those that are missing are created.
async fn current_stamps<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    found: impl Iterator<Item = Option<Read>>,
    io: Io<'_>,
    lifetime: Option<Duration>,
) -> Result<Vec<Stamp>> {
    let mut stamps = Vec::with_capacity(2);
    for (index, (name, found)) in names.stamps().zip(found).enumerate() {
        let current = found.as_ref().and_then(|read| stamp(&read.value));
        names.note(&store.core.known, index, name, current.is_some());
        stamps.push(match current {
            Some(stamp) => stamp,
            None => create_stamp(io, name, found.is_some(), lifetime_of_stamp(index, lifetime)).await?,
        });
    }
    Ok(stamps)
}

/// Reads these names in one exchange, which first creates the stamps that are not known to be there.
async fn read<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    all: &[&str],
    io: Io<'_>,
    lifetime: Option<Duration>,
) -> Result<Vec<Option<Read>>> {
    let known = &store.core.known;
    let unknown: Vec<(usize, &str)> =
        names.stamps().enumerate().filter(|(index, name)| !names.is_known(known, *index, name)).collect();
    if unknown.is_empty() {
        return io.read_many(all).await;
    }
    let fresh: Vec<_> = unknown.iter().map(|_| random().to_le_bytes()).collect();
    let new: Vec<(&str, &[u8], _)> = unknown
        .iter()
        .zip(&fresh)
        .map(|((index, name), fresh)| (*name, &fresh[..], lifetime_of_stamp(*index, lifetime)))
        .collect();
    io.add_and_read(&new, all).await
}

/// How long the stamp at this place of the names lives: that of a function for ever.
fn lifetime_of_stamp(index: usize, entries: Option<Duration>) -> Option<Duration> {
    if index == 0 { None } else { stamp_lifetime(entries) }
}

/// The value in an entry, if everything about it is as it must be.
fn open<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    stamps: &[Stamp],
    bytes: &[u8],
    carrier: Carrier<S>,
) -> Option<S> {
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
            return integer.and_then(carrier.integer);
        }
    };
    let is_integer = envelope.codec == envelope::INTEGER && names.is_open();
    let is_value = envelope.codec == codec.id() && envelope.shape == names.function.shape::<S>();
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
        return envelope::integer(&payload).and_then(carrier.integer);
    }
    (carrier.decode)(codec, &payload).map_err(|_| refuse(Reason::OtherType)).ok()
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
    let bytes = write(store, names, carrier, seen, value, lifetime)?;
    let stored = if store.core.capability.compare_and_set {
        io.compare_and_set(&names.value, seen.mark.as_ref().map(Mark::seen), &bytes, lifetime).await?
    } else {
        io.set_many(&[(&names.value, &bytes)], lifetime).await? == [true]
    };
    if stored {
        seen.mark = Some(Mark::of(&bytes));
    }
    Ok(stored)
}

/// The bytes of a value under what the fetch saw.
fn write<S: Clone + Send + Sync + 'static>(
    store: &Store<S>,
    names: &Names,
    carrier: Carrier<S>,
    seen: &Seen,
    value: &S,
    lifetime: Option<Duration>,
) -> Result<Vec<u8>> {
    let (codec, form) = (&*store.core.codec, &store.core.form);
    let payload = (carrier.encode)(codec, value)?;
    let envelope = Envelope {
        codec: codec.id(),
        born: SystemTime::now(),
        lifetime,
        compute: seen.at.elapsed(),
        shape: names.function.shape::<S>(),
        second: names.second,
        instance: names.instance,
        stamps: seen.stamps.clone(),
        owner: Cow::Borrowed(names.owner()),
        payload: form.pack(&payload),
    };
    form.write(&envelope, &names.value)
}

/// Whether the key and its stamps are still as they were seen: nothing was invalidated since.
pub(crate) async fn is_current(names: &Names, io: Io<'_>, seen: &Seen) -> Result<bool> {
    let found = io.get_many(&names.all()).await?;
    let stamps: Vec<_> = found.iter().skip(1).filter_map(|bytes| stamp(bytes.as_deref()?)).collect();
    let head = found.first().and_then(Option::as_deref).map(|bytes| &bytes[..HEAD.min(bytes.len())]);
    Ok(stamps == seen.stamps && head == seen.mark.as_ref().map(|mark| &*mark.head))
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
