//! What a value takes over from the cached calls that its computation makes: their tags, and the end of the one that is
//! fresh for the shortest time.
//!
//! While the body of a function with `inherit` runs, an [`Inheritance`] is around it: on the thread, or at each poll. A
//! cached call finds it there, and is its [`Heir`]'s: when it is served a value, or has computed one, it says what that is
//! tied to. A cached function without `inherit` keeps what its own body calls to itself.
//!
//! In a backend a tag is taken over with the stamp under which the value that had it was read. Were it read later, it
//! could be that of an invalidation which the value has not survived.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Age, Found, Moment, OwnedKey};

use super::missed::Missed;
use super::mode::{is_inheriting, set_inheriting};
use super::one::Call;
use crate::bytes::{Names, Seen};
use crate::cache::Core;
use crate::io::Flavour;
use crate::key::tags::Tie;
use crate::sync::{Mutex, MutexExt as _};
use crate::values::{AnyTable, Shared};

/// What a value is tied to.
struct Ties {
    /// How much longer it is fresh; `None` is for ever, or not known to end.
    left: Option<Duration>,
    tags: Vec<Tie>,
}

/// What a computation has taken over so far.
pub(crate) struct Inheritance {
    /// The cache that the result goes to.
    core: Arc<Core>,
    /// The result stays in a table, which knows tags by their numbers.
    in_table: bool,
    so_far: Mutex<SoFar>,
}

struct SoFar {
    tags: Vec<Tie>,
    /// The first moment at which a value that was used is not fresh any more.
    end: Moment,
    is_unsure: bool,
}

/// What a computation took over, once it is done.
pub(super) struct Inherited {
    pub(super) tags: Vec<Tie>,
    /// How much longer all values that it used are fresh; `None` is for ever.
    pub(super) left: Option<Duration>,
    /// It used a value of which it is not known what it was tied to, or one that was invalidated meanwhile.
    pub(super) is_unsure: bool,
}

impl Inheritance {
    fn take_over(&self, from: &Arc<Core>, ties: Ties) {
        let mut so_far = self.so_far.locked();
        if let Some(left) = ties.left {
            so_far.end = so_far.end.min(self.core.clock.now().after(Some(left)));
        }
        for mut tie in ties.tags {
            if !Arc::ptr_eq(&self.core, from) {
                // A stamp means nothing in another cache.
                tie.stamp = None;
            }
            let Some(known) = so_far.tags.iter_mut().find(|known| known.owner == tie.owner) else {
                so_far.tags.push(tie);
                continue;
            };
            let is_replaced = matches!((known.stamp, tie.stamp), (Some(one), Some(other)) if one != other);
            known.name = known.name.take().or(tie.name);
            known.stamp = known.stamp.or(tie.stamp);
            so_far.is_unsure |= is_replaced;
        }
    }

    fn done(&self) -> Inherited {
        let mut so_far = self.so_far.locked();
        let tags = std::mem::take(&mut so_far.tags);
        let ends = so_far.end != Moment::NEVER;
        let left = ends.then(|| so_far.end.since(self.core.clock.now()));
        let is_nameless = !self.in_table && tags.iter().any(|tie| tie.name.is_none());
        Inherited { tags, left, is_unsure: so_far.is_unsure || is_nameless }
    }
}

thread_local! {
    static AROUND: RefCell<Option<Arc<Inheritance>>> = const { RefCell::new(None) };
}

/// What is around a body: an inheritance, or nothing where that of an outer body ends.
pub(crate) struct Around(Option<Arc<Inheritance>>);

impl Around {
    /// What is to be around the body of a call; `None` if it may stay as it is.
    #[inline]
    pub(super) fn body_of(call: &Call) -> Option<Self> {
        let inherits = call.store.site.options.inherit;
        (inherits || call.heir.is_some()).then(|| Self::new(call, inherits))
    }

    #[cold]
    fn new(call: &Call, inherits: bool) -> Self {
        let store = &call.store;
        if !inherits {
            return Self(None);
        }
        let so_far = SoFar { tags: Vec::new(), end: Moment::NEVER, is_unsure: false };
        Self(Some(Arc::new(Inheritance {
            core: Arc::clone(&store.core),
            // What only has numbers for tags cannot be passed on to where names are needed.
            in_table: store.table().is_some() && call.heir.as_ref().is_none_or(|heir| heir.to.in_table),
            so_far: Mutex::new(so_far),
        })))
    }

    /// Nothing, where there is something.
    pub(crate) fn nothing() -> Option<Self> {
        is_inheriting().then_some(Self(None))
    }

    /// For as long as what it gives is there, and not beyond an await.
    pub(super) fn enter(&self) -> Entered {
        Entered::new(self)
    }

    pub(crate) fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        body()
    }

    pub(crate) async fn run_async<F: Future>(&self, body: F) -> F::Output {
        let mut body = pin!(body);
        poll_fn(|cx| {
            let _entered = self.enter();
            body.as_mut().poll(cx)
        })
        .await
    }

    /// What was taken over.
    pub(super) fn done(self) -> Option<Inherited> {
        Some(self.0?.done())
    }
}

/// Puts the outer one back, also when the body panics.
pub(super) struct Entered(Option<Arc<Inheritance>>);

impl Entered {
    fn new(around: &Around) -> Self {
        let outer = AROUND.replace(around.0.clone());
        set_inheriting(around.0.is_some());
        Self(outer)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        set_inheriting(self.0.is_some());
        AROUND.set(self.0.take());
    }
}

/// Who takes over from a call what its value is tied to.
pub(crate) struct Heir {
    to: Arc<Inheritance>,
    /// Of what was found, until it is known whether that is served.
    found: Mutex<Option<Ties>>,
}

impl Heir {
    /// That of a call which is made now.
    #[inline]
    pub(super) fn now() -> Option<Arc<Self>> {
        if is_inheriting() { Self::of_body() } else { None }
    }

    #[cold]
    fn of_body() -> Option<Arc<Self>> {
        let to = AROUND.with_borrow(Clone::clone)?;
        Some(Arc::new(Self { to, found: Mutex::default() }))
    }

    /// Passes on what was found, which is served.
    pub(super) fn inherit_found(&self, from: &Arc<Core>) {
        if let Some(ties) = self.found.locked().take() {
            self.to.take_over(from, ties);
        }
    }
}

impl Call {
    /// Looks in a table, and notes what is found there for the heir.
    #[inline]
    pub(super) fn look_in(&self, table: &dyn AnyTable) -> Option<Found<Shared>> {
        match &self.heir {
            None => table.look(&self.key),
            Some(heir) => self.look_for(heir, table),
        }
    }

    #[cold]
    fn look_for(&self, heir: &Heir, table: &dyn AnyTable) -> Option<Found<Shared>> {
        // A table knows what a value decided by numbers only; and what is near may be about to be forgotten.
        let is_nameless = self.store.site.options.value_tags && !heir.to.in_table;
        if is_nameless || self.store.near().is_some() {
            return None;
        }
        let (found, ties) = table.look_with_ties(&self.key)?;
        let instance = self.instance.as_ref().map(OwnedKey::hash);
        let mut tags: Vec<_> = self.tags.names().iter().map(|tag| Tie::new(tag, None)).collect();
        for owner in ties.owners {
            if Some(owner) != instance && !self.tags.owners().contains(&owner) {
                tags.push(Tie { owner, name: None, stamp: None });
            }
        }
        *heir.found.locked() = Some(Ties { left: ties.left, tags });
        Some(found)
    }

    /// Notes what was found in the backend for the heir.
    pub(super) fn note_read(&self, names: &Names, seen: &Seen, age: Option<&Age>) {
        let Some(heir) = &self.heir else { return };
        let fresh = age.and_then(|age| Some(age.lifetimes.fresh?.saturating_sub(age.age)));
        *heir.found.locked() = Some(Ties { left: fresh, tags: seen.ties(names, &self.tags) });
    }

    /// What passes on what was found, once that is served.
    pub(super) fn inherit_later(&self) -> impl FnOnce() + use<> {
        let heir = self.heir.as_ref().map(|heir| (Arc::clone(heir), Arc::clone(&self.store.core)));
        || {
            if let Some((heir, core)) = heir {
                heir.inherit_found(&core);
            }
        }
    }

    /// Passes on what was computed, which is fresh for so long.
    #[inline]
    pub(super) fn pass_on(&self, fresh: Option<Duration>, seen: Option<&(Names, Seen)>) {
        if let Some(heir) = &self.heir {
            self.pass_on_to(heir, fresh, seen);
        }
    }

    #[cold]
    fn pass_on_to(&self, heir: &Heir, fresh: Option<Duration>, seen: Option<&(Names, Seen)>) {
        let mut tags: Vec<_> = match seen {
            Some((names, seen)) => seen.ties(names, &self.tags),
            None => self.tags.names().iter().map(|tag| Tie::new(tag, None)).collect(),
        };
        for owner in self.tags.owners() {
            if tags.iter().all(|tie| tie.owner != *owner) {
                tags.push(Tie { owner: *owner, name: None, stamp: None });
            }
        }
        heir.to.take_over(&self.store.core, Ties { left: fresh, tags });
    }

    /// For an heir, in the place of a value that another caller just computed: what was stored, with what it is tied to.
    /// Where nothing was, no more is known of the value than the call.
    pub(super) async fn look_landed(&mut self, flavour: Flavour) -> Option<Shared> {
        let heir = Arc::clone(self.heir.as_ref()?);
        let found = self.look(flavour).await;
        if let Some(stored) = self.judge(found) {
            heir.inherit_found(&self.store.core);
            return Some(stored);
        }
        self.pass_on(None, None);
        let is_known =
            heir.to.in_table && self.store.table().is_some() && !self.store.site.options.value_tags;
        heir.to.so_far.locked().is_unsure |= !is_known;
        None
    }

    /// Passes on that it is not known what the value was made from.
    pub(super) fn pass_on_doubt(&self) {
        if let Some(heir) = &self.heir {
            heir.to.so_far.locked().is_unsure = true;
        }
    }
}

impl Missed {
    /// What is to be around the body, if it may not stay as it is. A call that does not ask changes nothing.
    pub(super) fn around(&self) -> Option<Around> {
        Around::body_of(self.call().filter(|_| !self.is_verifying())?)
    }

    /// Takes over what the body's calls passed on.
    #[cold]
    pub(super) fn inherit(&mut self, around: Option<Around>) {
        let site = self.site();
        let (Some(inherited), Some(computing)) = (around.and_then(Around::done), &mut self.computing) else {
            return;
        };
        let tags = &mut computing.call.tags;
        let has_room = inherited.tags.into_iter().all(|tie| tags.inherit(tie));
        if !has_room && site.warns_first() {
            log::warn!(
                "{}: `inherit` comes to more tags than a value can have: it is not stored",
                site.name()
            );
        }
        let more = computing.said.more.get_or_insert_default();
        more.longest = inherited.left;
        more.is_unsure = inherited.is_unsure || !has_room;
        if more.is_unsure {
            computing.call.pass_on_doubt();
        }
        let is_doubtful = more.is_unsure;
        computing.said.rejected |= is_doubtful || inherited.left.is_some_and(|left| left.is_zero());
    }
}
