//! One computation for all processes: whoever has the lease of a call computes, the others wait for its value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::computing::Computing;
use super::look::Looked;
use super::one::Call;
use crate::bytes::{self, Claim, Holder, Names, Seen};
use crate::io::{Flavour, Io, pause};
use crate::value::Carrier;

/// How long one holder is waited for, unless it is said.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// How long a caller waits before it looks again: longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl Call {
    /// Whether only one process is to compute this.
    pub(super) fn wants_lease(&self) -> bool {
        let capability = self.store.core.capability;
        self.store.site.options.lock.is_some() && capability.compare_and_set && self.mode.reads()
    }
}

impl Computing {
    /// Gets the lease, or the value of whoever has it. Nothing was found under the key just now. Where one holder keeps
    /// everybody waiting for too long, the call computes without it, and stores nothing.
    pub(super) async fn compete(
        mut self: Box<Self>,
        flavour: Flavour,
        names: Names,
        seen: Seen,
        carrier: Carrier,
    ) -> Looked {
        let store = Arc::clone(&self.call.store);
        let io = Io::new(&*store.core.backend, flavour);
        let patience = store.site.options.lock.unwrap_or(PATIENCE);
        let (mut seen, mut rival, mut last, mut nap) = (seen, None, Instant::now(), FIRST_PAUSE);
        let start = last;
        loop {
            // What was invalidated meanwhile makes it another claim.
            let claim = Claim::new(names.lease(), &seen);
            let lifetime = self.call.whole_lifetime();
            if self.call.is_withheld() {
                return (None, self);
            }
            let found = bytes::fetch_claiming(&store, &names, io, carrier, lifetime, &claim).await;
            let (found, now, holder) = match found {
                Ok(found) => found,
                Err(error) => {
                    store.site.failed(None, &error);
                    return (None, self);
                }
            };
            let changed = !seen.is_same(&now);
            seen = now;
            if let Some(found) = &found {
                self.call.note_read(&names, &seen, found.age.as_ref());
            }
            let stored = self.call.judge(found);
            let end = match holder {
                // A value, or one that is good enough while its holder computes: no need for the lease.
                _ if stored.is_some() => Some((stored, None)),
                Some(Holder::Us(lease)) if !changed => Some((None, Some(lease))),
                Some(Holder::Another(_)) if self.call.has_old_to_serve() => {
                    Some((self.call.old.take().map(|old| old.value), None))
                }
                Some(Holder::Another(token)) => {
                    if rival != Some(token) {
                        (rival, last) = (Some(token), Instant::now());
                    }
                    let is_too_long = last.elapsed() > patience
                        || start.elapsed() > store.core.flight_timeout.max(patience);
                    if is_too_long {
                        return (None, self);
                    }
                    None
                }
                // Ours was taken before something changed, or it is free: once more.
                Some(Holder::Us(_)) | None => None,
            };
            if let Some((found, lease)) = end {
                (self.seen, self.lease) = (Some(Box::new((names, seen))), lease);
                return (found, self);
            }
            pause(flavour, crate::fresh::shaken(nap)).await;
            nap = (nap * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}
