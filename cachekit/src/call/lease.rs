//! One computation for all processes: whoever has the lease of a call computes, the others wait for its value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::computing::{Computes, Computing};
use super::one::Call;
use crate::bytes::{self, Claim, Holder, Names, Seen};
use crate::io::{Flavour, Io, pause};
use crate::value::Carrier;
use crate::values::Shared;

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

    /// Gets the lease, or the value of whoever has it. Nothing was found under the key just now. Where one holder keeps
    /// everybody waiting for too long, the call computes without it, and stores nothing.
    pub(super) async fn compete(
        mut self: Box<Self>,
        flavour: Flavour,
        role: Computes,
        names: Names,
        seen: Seen,
        carrier: Carrier,
    ) -> (Option<Shared>, Box<Computing>) {
        let store = Arc::clone(&self.store);
        let io = Io::new(&*store.core.backend, flavour);
        let patience = store.site.options.lock.unwrap_or(PATIENCE);
        let (mut seen, mut rival, mut last, mut nap) = (seen, None, Instant::now(), FIRST_PAUSE);
        let start = last;
        loop {
            // What was invalidated meanwhile makes it another claim.
            let claim = Claim::new(names.lease(), &seen);
            let lifetime = self.whole_lifetime();
            if self.is_withheld() {
                return (None, Computing::boxed(self, role, None));
            }
            let found = bytes::fetch_claiming(&store, &names, io, carrier, lifetime, &claim).await;
            let (found, now, holder) = match found {
                Ok(found) => found,
                Err(error) => {
                    store.site.failed(None, &error);
                    return (None, Computing::boxed(self, role, None));
                }
            };
            let changed = !seen.is_same(&now);
            seen = now;
            if let Some(found) = &found {
                self.note_read(&names, &seen, found.age.as_ref());
            }
            let stored = self.judge(found);
            match holder {
                // A value, or one that is good enough while its holder computes: no need for the lease.
                _ if stored.is_some() => {
                    return (stored, Computing::boxed(self, role, Some(Box::new((names, seen)))));
                }
                Some(Holder::Us(lease)) if !changed => {
                    let mut computing = Computing::boxed(self, role, Some(Box::new((names, seen))));
                    computing.lease = Some(lease);
                    return (None, computing);
                }
                Some(Holder::Another(_)) if self.has_old_to_serve() => {
                    let old = self.old.take().map(|old| old.value);
                    return (old, Computing::boxed(self, role, Some(Box::new((names, seen)))));
                }
                Some(Holder::Another(token)) => {
                    if rival != Some(token) {
                        (rival, last) = (Some(token), Instant::now());
                    }
                    let is_too_long = last.elapsed() > patience
                        || start.elapsed() > store.core.flight_timeout.max(patience);
                    if is_too_long {
                        return (None, Computing::boxed(self, role, None));
                    }
                }
                // Ours was taken before something changed, or it is free: once more.
                Some(Holder::Us(_)) | None => {}
            }
            pause(flavour, crate::fresh::shaken(nap)).await;
            nap = (nap * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}
