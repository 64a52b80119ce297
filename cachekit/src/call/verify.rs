//! Whether what is served is what the body gives: some hits have it run behind them, and the results compared.
//!
//! A hit of a key that is among those that are verified becomes a [`Missed`] whose old value is what was found. The caller is
//! given that at once, as with a stale one, and the work goes on where work behind callers does. What it gives is compared
//! and never stored. There is one at a time for each function; who comes meanwhile, or finds no thread, is left out and
//! counted.

use std::sync::atomic::Ordering;

use cachekit_backends::{Age, OwnedKey};

use super::computing::{Computes, Computing};
use super::missed::Missed;
use super::mode::Mode;
use super::one::{Call, Identity};
use crate::events::EventKind;
use crate::fresh::{Old, Wish};
use crate::io::Flavour;
use crate::site::Site;
use crate::site::stats::count;
use crate::store::Store;
use crate::value::{Same, Split};
use crate::values::{Given, Lent, Shared};

/// The right to verify a hit of a function, which one caller has at a time. Dropped without an end, it counts as left out.
pub(crate) struct Verification {
    site: &'static Site,
    has_ended: bool,
}

/// How values are compared whose type is forgotten.
pub(super) type SameShared = Box<SameValues>;
pub(super) type SameValues = dyn Fn(Lent<'_>, Lent<'_>) -> bool + Send + Sync;

/// What came of a comparison.
enum Verdict {
    Match,
    /// The cache has another value than the body gives.
    Mismatch,
    /// The cache has another value by now.
    Superseded,
    /// It has none any more.
    Expired,
}

impl Verification {
    fn begin(site: &'static Site) -> Option<Self> {
        if site.verifying.swap(true, Ordering::AcqRel) {
            count(&site.counters.verified.dropped);
            return None;
        }
        Some(Self { site, has_ended: false })
    }

    fn end(mut self, verdict: &Verdict) {
        self.has_ended = true;
        let verified = &self.site.counters.verified;
        count(match verdict {
            Verdict::Match => &verified.matches,
            Verdict::Mismatch => &verified.mismatches,
            Verdict::Superseded => &verified.superseded,
            Verdict::Expired => &verified.expired,
        });
    }
}

impl Drop for Verification {
    fn drop(&mut self) {
        if !self.has_ended {
            count(&self.site.counters.verified.dropped);
        }
        self.site.verifying.store(false, Ordering::Release);
    }
}

/// Whether hits of a key are verified, where the function has some of them verified.
pub(super) fn is_verified(store: &Store, identity: &dyn Fn() -> Identity) -> bool {
    store.site.options.verify.is_some_and(|share| is_among(store, &identity().key, share))
}

/// Whether a key is among this share of all: the same ones in every process, those of a smaller share among those of a larger
/// one, whichever are cached at all.
#[allow(clippy::cast_precision_loss, reason = "a share of 2^64")]
fn is_among(store: &Store, key: &OwnedKey, share: f64) -> bool {
    let function = store.core.known.function(&store.core, store.site, store.types);
    let high = (function.second(key) >> 64) as u64;
    (high as f64) < share * u64::MAX as f64
}

impl Call {
    /// What was found, as a hit; or the right to verify it, with that at hand.
    pub(super) fn serve(mut self: Box<Self>, stored: Shared) -> Result<Given, Box<Computing>> {
        let Some(verification) = self.verification() else { return Ok(Given::Value(self.found(stored))) };
        self.note_hit();
        self.old = Some(Box::new(Old { value: stored, age: Age::NEW, wish: Wish::Serve }));
        Err(self.computing(Computes::Verifying(verification)))
    }

    fn verification(&self) -> Option<Verification> {
        let share = self.store.site.options.verify?;
        let is_plain = matches!(self.mode, Mode::Normal | Mode::Absent) && !self.reads_only;
        (is_plain && is_among(&self.store, &self.key, share))
            .then(|| Verification::begin(self.store.site))
            .flatten()
    }

    /// Compares what was served with what the body gives now.
    pub(super) async fn compare(
        &self,
        flavour: Flavour,
        verification: Verification,
        served: Option<Box<Old<Shared>>>,
        computed: Split<Lent<'_>>,
        same: Option<&SameValues>,
    ) {
        let computed = match computed {
            Split::Store(value, _) => Some(value),
            Split::Share => None,
            // It failed, which says nothing of what was served.
            Split::Refuse => return,
        };
        let Some(served) = served.map(|old| old.value) else { return };
        let is_same = |other: Lent<'_>| self.is_same(&*served, other, same);
        let verdict = if computed.is_some_and(is_same) {
            Verdict::Match
        } else {
            match self.look(flavour).await {
                None => Verdict::Expired,
                Some(found) if is_same(&*found.value) => Verdict::Mismatch,
                Some(_) => Verdict::Superseded,
            }
        };
        verification.end(&verdict);
        if matches!(verdict, Verdict::Mismatch) {
            let site = self.store.site;
            let (name, key) = (site.name(), self.key_text());
            log::warn!("{name}: `verify` found a value in the cache that the function does not give: {key}");
            self.tell(EventKind::Mismatch, None);
        }
    }

    /// Whether two values are the same: as their type says, or else as bytes.
    fn is_same(&self, one: Lent<'_>, other: Lent<'_>, same: Option<&SameValues>) -> bool {
        if let Some(same) = same {
            return same(one, other);
        }
        let Some(carrier) = (self.store.values.carrier)() else { return false };
        let codec = &*self.store.core.codec;
        match ((carrier.encode)(codec, one), (carrier.encode)(codec, other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
    }
}

impl Missed {
    /// Says how values are compared, where their type knows.
    pub(super) fn compare_by<S: 'static>(&mut self, same: Option<Same<S>>) {
        let Some(said) = self.said() else { return };
        said.more.get_or_insert_default().same = same.map(|same| -> SameShared {
            Box::new(move |one, other| match (one.downcast_ref(), other.downcast_ref()) {
                (Some(one), Some(other)) => same(one, other),
                _ => false,
            })
        });
    }

    /// Whether what it computes is only compared.
    pub(super) fn is_verifying(&self) -> bool {
        self.computing.as_ref().is_some_and(|computing| matches!(computing.role, Computes::Verifying(_)))
    }
}
