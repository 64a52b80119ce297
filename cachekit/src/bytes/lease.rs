//! The right to compute a call for all processes: a lease, beside the value in the backend.
//!
//! A lease is a random token and a digest of what was seen under the key before: one that was taken before the call was
//! invalidated is void, and whoever comes later takes it over. It is short, and renewed while its owner computes, so that
//! an owner who died is soon forgotten. It keeps computations apart: what is stored is fenced as ever, by comparing what is
//! under the key and by stamps, whatever became of the lease. An owner who knows that it lost it stores nothing besides:
//! whoever took it over computes something newer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cachekit_backends::{Backend, Seen as SeenBytes};

use super::Seen;
use super::envelope::{SecondDigest, random};
use crate::behind::timer::{Recurrent, Timer};
use crate::cache::Core;
use crate::io::{Flavour, Io};

/// How long a lease lives that is not renewed.
pub(crate) const LEASE: Duration = Duration::from_millis(1500);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_millis(400);

/// So long after a renewal an owner trusts that a lease is its own: shorter than it lives, for storing takes a moment.
const TRUST: Duration = Duration::from_millis(1200);

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
    ours: Arc<Ours>,
}

/// What is where the lease is, while it is ours.
struct Ours {
    backend: Arc<dyn Backend>,
    name: String,
    bytes: [u8; 16],
    /// Until when nobody else can have it; none when it is lost.
    until: Mutex<Option<Instant>>,
}

impl Lease {
    fn new(core: &Arc<Core>, claim: &Claim) -> Self {
        let id = u64::from_le_bytes(*claim.bytes.first_chunk().unwrap_or(&[0; 8]));
        let now = Instant::now();
        let ours = Arc::new(Ours {
            backend: Arc::clone(&core.backend),
            name: claim.name.clone(),
            bytes: claim.bytes,
            until: Mutex::new(Some(now + TRUST)),
        });
        KEEPER.begin(id, usize::MAX, || Held { ours: Arc::clone(&ours), is_over: AtomicBool::new(false) });
        Self { id, ours }
    }

    /// Whether it is still ours. Asks the backend where it was not renewed in time: this process was stopped, or the
    /// backend does not answer.
    pub(crate) async fn is_held(&self, flavour: Flavour) -> bool {
        match self.ours.until() {
            Some(until) if Instant::now() < until => true,
            Some(_) => {
                let start = Instant::now();
                let Ours { backend, name, bytes, .. } = &*self.ours;
                let io = Io::new(&**backend, flavour);
                let renewed = io.compare_and_set(name, Some(SeenBytes::new(bytes)), bytes, Some(LEASE)).await;
                // Where the backend fails, so would storing.
                renewed.is_ok_and(|is_ours| self.ours.note(start, is_ours))
            }
            None => false,
        }
    }
}

impl Ours {
    fn until(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether it could be renewed, in an exchange that began then. What is lost stays lost.
    fn note(&self, start: Instant, is_ours: bool) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = until.filter(|_| is_ours).map(|_| start + TRUST);
        until.is_some()
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
    ours: Arc<Ours>,
    is_over: AtomicBool,
}

impl Recurrent for Held {
    fn every(&self) -> Duration {
        RENEWAL
    }

    /// Renews the lease, or ends it, if it is still ours. What fails is over soon anyway.
    fn act(&self) -> bool {
        let (start, Ours { backend, name, bytes, .. }) = (Instant::now(), &*self.ours);
        let seen = Some(SeenBytes::new(bytes));
        let is_over = self.is_over.load(Ordering::Acquire);
        let outcome = if is_over {
            // What is no token may be taken over at once.
            backend.compare_and_set(name, seen, b"free", Some(Duration::from_millis(1)))
        } else {
            let renewed = backend.compare_and_set(name, seen, bytes, Some(LEASE));
            if let Ok(is_ours) = renewed {
                self.ours.note(start, is_ours);
            }
            renewed
        };
        if let Err(error) = outcome {
            log::debug!("a lease could not be {}: {error:#}", if is_over { "given back" } else { "renewed" });
        }
        !is_over
    }
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ours").field("name", &self.name).finish_non_exhaustive()
    }
}
