//! How a call treats what is cached, and what surrounds it on its thread: a scope of caches, or a mode that a
//! companion sets for the next call of one function.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::site::Site;

/// How a call treats what is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Read it; compute and store what is missing.
    Normal,
    /// As `Normal`, where the table was looked in already: there is no entry.
    Absent,
    /// As `Normal`, but what is read is asked about before it counts as a hit; see [`accept`](super::accept).
    Checked,
    /// Read it; what is missing is computed, but not stored, and nobody is waited for.
    Reading,
    /// Neither read nor write.
    Bypass,
    /// Compute and store, whatever is cached.
    Refresh,
    /// What was just read is not wanted: compute and store, one caller for all.
    Stale,
}

impl Mode {
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Normal | Self::Absent | Self::Checked | Self::Reading)
    }
}

/// What surrounds the calls of a thread. One word, so that a call that has nothing around it asks once.
#[derive(Clone, Copy)]
struct Ambient {
    scoped: bool,
    /// The site whose next call has this mode.
    mode: Option<(*const Site, Mode)>,
}

thread_local! {
    static PRESENT: Cell<bool> = const { Cell::new(false) };
    static AMBIENT: Cell<Ambient> = const { Cell::new(Ambient { scoped: false, mode: None }) };
}

/// Whether anything surrounds this call.
#[inline]
pub(crate) fn is_present() -> bool {
    PRESENT.get()
}

pub(crate) fn is_scoped() -> bool {
    AMBIENT.get().scoped
}

pub(crate) fn set_scoped(scoped: bool) {
    set(Ambient { scoped, ..AMBIENT.get() });
}

/// Takes the mode that was set for the next call of a function.
pub(crate) fn take_mode(site: &'static Site) -> Option<Mode> {
    let ambient = AMBIENT.get();
    let (target, mode) = ambient.mode?;
    std::ptr::eq(target, site).then(|| {
        set(Ambient { mode: None, ..ambient });
        mode
    })
}

fn set(ambient: Ambient) {
    PRESENT.set(ambient.scoped || ambient.mode.is_some());
    AMBIENT.set(ambient);
}

/// Puts an outer mode back, also when the call panics.
struct Restore(Option<(*const Site, Mode)>);

impl Drop for Restore {
    fn drop(&mut self) {
        set(Ambient { mode: self.0, ..AMBIENT.get() });
    }
}

/// Runs `call`, in which the next call of the function has this mode.
pub fn with_mode<R>(site: &'static Site, mode: Mode, call: impl FnOnce() -> R) -> R {
    let _restore = Restore(AMBIENT.get().mode);
    set(Ambient { mode: Some((std::ptr::from_ref(site), mode)), ..AMBIENT.get() });
    call()
}

/// Runs a future, in which the next call of the function has this mode.
pub async fn with_mode_async<F: Future>(site: &'static Site, mode: Mode, call: F) -> F::Output {
    let mut call = pin!(call);
    let mut pending = true;
    poll_fn(|cx| {
        let restore = Restore(AMBIENT.get().mode);
        let ours = pending.then_some((std::ptr::from_ref(site), mode));
        set(Ambient { mode: ours, ..AMBIENT.get() });
        let poll = call.as_mut().poll(cx);
        pending = pending && AMBIENT.get().mode == ours;
        drop(restore);
        poll
    })
    .await
}
