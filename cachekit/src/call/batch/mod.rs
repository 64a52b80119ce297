//! One call over many ids: look each of them up, join those in flight, compute the others in one run of the body.
//!
//! Each id is a call of its own, with its own key, flight and entry; what they share is one look and one fill in the
//! backend. A batch leads the flights of what nobody else computes, computes it, lands it, and only then waits for what
//! others compute: it never waits while others may wait for it, so that two batches cannot block each other. What the
//! others then failed to compute, it computes in another run.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

mod ask;
mod keep;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use cachekit_backends::__private::AtOnce;
use cachekit_backends::{OwnedKey, Timeout};

use super::computing::Computes;
use super::concern::is_kept_out;
use super::inherit::Around;
use super::mode::{self, Leave, Mode};
use super::one::{Call, Identity};
use super::seek::resolve_store;
use crate::bytes::{Names, Seen};
use crate::events;
use crate::flight::{Follower, Leadership};
use crate::io::{Flavour, now};
use crate::key::{CallKey, Tags};
use crate::listing::{Answer, Batched, Listing, ListingOf};
use crate::site::stats::count;
use crate::site::{Site, Types};
use crate::store::Store;
use crate::value::{Policy, Verdict};
use crate::values::{AnyTable, Shared, Values, typed};

/// A call over many ids, while it is answered.
pub struct Batch<P: Policy, R: Batched, Id> {
    site: &'static Site,
    /// What is known so far.
    answer: Answer<R::Listing, Id>,
    rest: Rest<P, Id>,
}

/// What is not known yet.
enum Rest<P: Policy, Id> {
    Nothing,
    /// The cache is not asked: the body is given these ids, and its result is the caller's as it is.
    Whole(Vec<Id>),
    Some(Box<Open<P, Id>>),
}

/// The ids that were not found at once.
struct Open<P: Policy, Id> {
    store: Arc<Store>,
    /// Of all that this call leads.
    leadership: Leadership,
    /// What is to be looked for.
    sought: Vec<(Item<Id>, Way)>,
    /// What others compute.
    following: Vec<Following<Id>>,
    /// What the body is computing.
    computing: Vec<Running<Id>>,
    /// What it has computed, to be stored and handed over.
    computed: Vec<Kept<Id>>,
    dynamic: Option<Timeout>,
    policy: PhantomData<fn() -> P>,
}

type Following<Id> = (Item<Id>, Follower<Shared>);

/// One id.
struct Item<Id> {
    call: Call,
    id: Id,
    /// Where it is among the ids.
    place: usize,
    /// Where it is again.
    again: Vec<usize>,
}

/// How an id is come by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By joining its flight.
    Join,
    /// By computing and storing it, whoever else does.
    Store,
}

/// An id that is being computed.
struct Running<Id> {
    item: Item<Id>,
    role: Computes,
    /// What the backend held, where the values are bytes there and it answered.
    seen: Option<(Names, Seen)>,
}

/// An id with its value; none where that is shared but not stored.
struct Kept<Id> {
    running: Running<Id>,
    value: Option<Shared>,
    verdict: Verdict,
    by_value: Option<Timeout>,
    is_rejected: bool,
}

/// Looks ids up in this process. They and the other arguments are borrowed no longer than this takes.
#[inline]
pub fn batch<'a, P, R, Id, K>(
    site: &'static Site,
    types: Types,
    policy: P,
    ids: &'a [Id],
    key: impl Fn(&'a Id) -> K,
    mode: Mode,
) -> Batch<P, R, Id>
where
    P: Policy<Ret = Option<R::Value>>,
    R: Batched<Listing: ListingOf<Id>>,
    Id: Clone,
    K: CallKey,
{
    let _ = policy;
    let mut answer = R::Listing::for_ids(ids.len());
    let mut absent = Vec::new();
    if mode == Mode::Normal
        && let Some(table) = site.table_at_once::<P::Stored>(types)
    {
        for (place, id) in ids.iter().enumerate() {
            match table.get(&key(id), |thread| site.counters.hit_in(thread)) {
                AtOnce::Found(stored) => answer.put(place, id, P::join(stored)),
                AtOnce::Absent | AtOnce::Unclear => absent.push(place),
            }
        }
        if absent.is_empty() {
            return Batch { site, answer: Answer::new(answer), rest: Rest::Nothing };
        }
    } else {
        absent.extend(0..ids.len());
    }
    let mut batch = Batch { site, answer: Answer::new(answer), rest: Rest::Nothing };
    batch.look_again(types, ids, absent, key, mode);
    batch
}

impl<P, R, Id> Batch<P, R, Id>
where
    P: Policy<Ret = Option<R::Value>>,
    R: Batched,
    Id: Clone,
{
    /// What [`batch`] does about the ids in these places, which it did not find the short way.
    #[cold]
    #[inline(never)]
    fn look_again<'a, K: CallKey>(
        &mut self,
        types: Types,
        ids: &'a [Id],
        places: Vec<usize>,
        key: impl Fn(&'a Id) -> K,
        mode: Mode,
    ) {
        let site = self.site;
        let leave = Leave::now();
        let mode = leave.of(mode::take_mode(site).unwrap_or(mode));
        let is_off = mode == Mode::Bypass || (site.is_off() && !mode::is_scoped());
        let Some(store) = (!is_off).then(|| resolve_store(site, types, Values::of::<P>())).flatten() else {
            self.rest = Rest::Whole(ids.to_vec());
            return;
        };
        let way = if mode == Mode::Refresh { Way::Store } else { Way::Join };
        let mut sought: Vec<(Item<Id>, Way)> = Vec::with_capacity(places.len());
        let mut known: HashMap<OwnedKey, usize, foldhash::fast::RandomState> = HashMap::default();
        let (mut instance, mut tags) = (None, None);
        for place in places {
            let (id, key) = (&ids[place], key(&ids[place]));
            let is_kept_out = is_kept_out(&store, &|| Identity::of(site, &key));
            let reads = mode.reads() && !is_kept_out;
            let found = if reads && !mode::is_inheriting() {
                store.table().and_then(<dyn AnyTable>::typed::<P::Stored>).and_then(|table| table.get(&key))
            } else {
                None
            };
            let found = match found {
                Some(stored) if !events::wanted() => {
                    site.counters.hit();
                    self.answer.put(place, id, P::join(stored));
                    continue;
                }
                found => found,
            };
            let owned = OwnedKey::of(&key);
            if let Some(earlier) = known.get(&owned) {
                sought[*earlier].0.again.push(place);
                continue;
            }
            // Whose instance it is, is the same for all ids.
            let instance = instance.get_or_insert_with(|| key.instance()).clone();
            // They have no tags but that of the namespace.
            let tags = tags.get_or_insert_with(|| Tags::of_call(site, &key)).clone();
            let store = Arc::clone(&store);
            let mode = if is_kept_out { Mode::Bypass } else { mode };
            let reads_only = !leave.stores && reads;
            let identity = Identity { key: owned, instance, text: None, tags };
            let call = Call { reads_only, ..Call::new(store, identity, mode) };
            if let Some(stored) = found {
                call.note_hit();
                self.answer.put(place, id, P::join(stored));
                continue;
            }
            known.insert(call.key.clone(), sought.len());
            sought.push((Item { call, id: id.clone(), place, again: Vec::new() }, way));
        }
        if !sought.is_empty() {
            self.rest = Rest::Some(Box::new(Open {
                store,
                leadership: Leadership::new(),
                sought,
                following: Vec::new(),
                computing: Vec::new(),
                computed: Vec::new(),
                dynamic: None,
                policy: PhantomData,
            }));
        }
    }

    /// The ids that the body is to be run for; none once all are known.
    pub fn missing(&mut self) -> Option<Vec<Id>> {
        match &mut self.rest {
            Rest::Nothing => None,
            Rest::Whole(ids) => {
                count(&self.site.counters.bypasses);
                Some(std::mem::take(ids))
            }
            Rest::Some(open) => now(open.ask(Flavour::Blocking, &mut self.answer)),
        }
    }

    /// The async flavour of [`missing`](Self::missing).
    pub async fn missing_async(&mut self) -> Option<Vec<Id>> {
        match &mut self.rest {
            Rest::Nothing => None,
            Rest::Whole(ids) => {
                count(&self.site.counters.bypasses);
                Some(std::mem::take(ids))
            }
            // Boxed, so that the future of a call that finds its values stays small.
            Rest::Some(open) => Box::pin(open.ask(Flavour::Async, &mut self.answer)).await,
        }
    }

    /// Sets the lifetime of what the body computes.
    pub fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        if let Rest::Some(open) = &mut self.rest {
            open.dynamic = Some(timeout.into());
        }
    }

    /// Runs the body.
    #[inline(never)]
    pub fn run(&mut self, body: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let around = self.leadership().and_then(|_| Around::nothing());
        let body = || match &around {
            Some(around) => around.run(body),
            None => body(),
        };
        let value = match self.leadership() {
            Some(leadership) => leadership.run(body),
            None => body(),
        };
        self.has_run(start);
        value
    }

    /// Runs an async body.
    pub async fn run_async<F: Future<Output = R>>(&mut self, body: impl FnOnce() -> F) -> R {
        let start = Instant::now();
        let body = body();
        let value = match (self.leadership(), Around::nothing()) {
            (Some(leadership), Some(around)) => Box::pin(leadership.run_async(around.run_async(body))).await,
            (Some(leadership), None) => leadership.run_async(body).await,
            (None, _) => body.await,
        };
        self.has_run(start);
        value
    }

    fn leadership(&self) -> Option<&Leadership> {
        match &self.rest {
            Rest::Some(open) => Some(&open.leadership),
            _ => None,
        }
    }

    fn has_run(&self, start: Instant) {
        if matches!(self.rest, Rest::Some(_)) {
            self.site.counters.computed(start.elapsed());
        }
    }

    /// Takes over what the body gave.
    ///
    /// # Errors
    ///
    /// What the caller is given as it is: the result of a call that bypasses the cache, or the `Err` of a whole batch.
    pub fn take(&mut self, value: R) -> Result<(), R> {
        self.take_asking(value, |_| true, |_| None)
    }

    /// As [`take`](Self::take): `keep` says of a value whether it is stored, and `lifetime` how long it lives, if not as
    /// long as others.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub fn take_asking(
        &mut self,
        value: R,
        keep: impl Fn(&R::Value) -> bool,
        lifetime: impl Fn(&R::Value) -> Option<Timeout>,
    ) -> Result<(), R> {
        let Rest::Some(open) = &mut self.rest else { return Err(value) };
        match value.open() {
            Ok(listing) => {
                open.take(listing, &mut self.answer, keep, lifetime);
                Ok(())
            }
            Err(value) => {
                open.fail();
                Err(value)
            }
        }
    }

    /// Stores what was taken over and gives it to those who wait.
    pub fn store(&mut self) {
        if let Rest::Some(open) = &mut self.rest {
            now(open.store(Flavour::Blocking));
        }
    }

    /// The async flavour of [`store`](Self::store).
    pub async fn store_async(&mut self) {
        if let Rest::Some(open) = &mut self.rest {
            Box::pin(open.store(Flavour::Async)).await;
        }
    }

    /// What is known, which is all.
    #[inline]
    pub fn answer(self) -> R {
        R::close(self.answer.into_listing())
    }
}

impl<Id> Item<Id> {
    fn is_repeated(&self) -> bool {
        !self.again.is_empty()
    }

    /// Puts a value wherever the id is; where it is again, that is made of `stored`.
    fn put<P, L>(&self, answer: &mut Answer<L, Id>, value: P::Ret, stored: Option<&Shared>)
    where
        P: Policy<Ret = Option<L::Value>>,
        L: Listing,
    {
        answer.put(self.place, &self.id, value);
        for place in &self.again {
            match stored {
                Some(stored) => answer.put(*place, &self.id, P::join(typed(stored.clone()))),
                None => answer.repeat(self.place, *place),
            }
        }
    }
}

impl<P: Policy, R: Batched, Id> fmt::Debug for Batch<P, R, Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("site", &self.site).finish_non_exhaustive()
    }
}
