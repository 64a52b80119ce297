//! The right to compute a call for all processes: a lease, beside the value in the backend.
//!
//! A lease is a random token and a digest of what was seen under the key before: one that was taken before the call was
//! invalidated is void, and whoever comes later takes it over. It is short, and renewed while its owner computes, so that
//! an owner who died is soon forgotten. It keeps computations apart, no more: what is stored is fenced as ever, by
//! comparing what is under the key and by stamps, whatever became of the lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit_backends::{Backend, Seen as SeenBytes};

use super::Seen;
use super::envelope::{SecondDigest, random};
use crate::behind::timer::{Recurrent, Timer};
use crate::cache::Core;

/// How long a lease lives that is not renewed.
pub(crate) const LEASE: Duration = Duration::from_millis(1500);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_millis(400);

/// What a caller puts where the lease of a call is, if nothing is there.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(super) name: String,
    pub(super) bytes: [u8; 16],
}

/// Who holds the lease of a call.
#[derive(Debug)]
pub(crate) enum Holder {
    /// This caller: renewed until it is dropped.
    Us(Lease),
    /// Another one, recognised by its token.
    Another(u64),
}

impl Claim {
    /// A claim to a call of which this was seen.
    pub(crate) fn new(name: String, seen: &Seen) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random().to_le_bytes());
        bytes[8..].copy_from_slice(&context(seen).to_le_bytes());
        Self { name, bytes }
    }

    /// Who holds the lease, by what is there now; none if it may be taken over.
    pub(super) fn judge(&self, core: &Arc<Core>, found: Option<&[u8]>) -> Option<Holder> {
        let found: &[u8; 16] = found?.try_into().ok()?;
        if *found == self.bytes {
            return Some(Holder::Us(Lease::new(core, self)));
        }
        let (token, rest) = found.split_at(8);
        let token = u64::from_le_bytes(token.try_into().ok()?);
        // Taken before something was invalidated.
        (rest == &self.bytes[8..]).then_some(Holder::Another(token))
    }

    pub(super) fn lease(&self, core: &Arc<Core>) -> Lease {
        Lease::new(core, self)
    }
}

/// What tells one generation of a call from the next.
fn context(seen: &Seen) -> u64 {
    let mut digest = SecondDigest::default();
    digest.feed(seen.mark.as_ref().map_or(&[][..], |mark| &mark.head));
    for stamp in &seen.stamps {
        digest.feed(&stamp.to_le_bytes());
    }
    digest.half()
}

/// The right to compute, renewed in the background and given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    id: u64,
}

impl Lease {
    fn new(core: &Arc<Core>, claim: &Claim) -> Self {
        let id = u64::from_le_bytes(*claim.bytes.first_chunk().unwrap_or(&[0; 8]));
        KEEPER.begin(id, usize::MAX, || Held {
            backend: Arc::clone(&core.backend),
            name: claim.name.clone(),
            bytes: claim.bytes,
            is_over: AtomicBool::new(false),
        });
        Self { id }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(held) = KEEPER.get(&self.id) {
            held.is_over.store(true, Ordering::Release);
            KEEPER.hasten(&self.id);
        }
    }
}

/// Renews the leases of this process, and gives them back: on a thread of its own, so that a lease lives while its owner
/// computes, whatever it does, and nobody waits for its end.
static KEEPER: Timer<u64, Held> = Timer::new("cachekit-leases");

struct Held {
    backend: Arc<dyn Backend>,
    name: String,
    bytes: [u8; 16],
    is_over: AtomicBool,
}

impl Recurrent for Held {
    fn every(&self) -> Duration {
        RENEWAL
    }

    /// Renews the lease, or ends it, if it is still ours. What fails is over soon anyway.
    fn act(&self) -> bool {
        let seen = Some(SeenBytes::new(&self.bytes));
        let is_over = self.is_over.load(Ordering::Acquire);
        let outcome = if is_over {
            // What is no token may be taken over at once.
            self.backend.compare_and_set(&self.name, seen, b"free", Some(Duration::from_millis(1)))
        } else {
            self.backend.compare_and_set(&self.name, seen, &self.bytes, Some(LEASE))
        };
        if let Err(error) = outcome {
            log::debug!("a lease could not be {}: {error:#}", if is_over { "given back" } else { "renewed" });
        }
        !is_over
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("name", &self.name).finish_non_exhaustive()
    }
}
