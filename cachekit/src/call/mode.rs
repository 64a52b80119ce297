//! How a call treats what is cached, and what surrounds it on its thread: a scope of caches, a mode of the task, a
//! record, invalidations that wait for a commit, an inheritance, or a mode that a companion sets for the next call of one function.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;

use cachekit_backends::__private::hinder;

use crate::control::CacheMode;
use crate::registry;
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
    /// Neither read nor write.
    Bypass,
    /// Compute and store, whatever is cached.
    Refresh,
    /// What was just read is not wanted: compute and store, one caller for all.
    Stale,
}

impl Mode {
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Normal | Self::Absent | Self::Checked)
    }
}

/// What surrounds the calls of a thread. While there is anything, no table answers at once, so that a call that has
/// nothing around it need not ask.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is there or not, whatever the others")]
struct Ambient {
    scoped: bool,
    /// What the task made of caching.
    caching: CacheMode,
    /// Somebody notes what is asked for.
    recording: bool,
    /// Invalidations wait for a commit.
    holding: bool,
    /// A computation takes over from the calls what their values are tied to.
    inheriting: bool,
    /// The site whose next call has this mode.
    mode: Option<(*const Site, Mode)>,
}

thread_local! {
    static AMBIENT: Cell<Ambient> = const {
        Cell::new(Ambient {
            scoped: false,
            caching: CacheMode::Normal,
            recording: false,
            holding: false,
            inheriting: false,
            mode: None,
        })
    };
}

pub(crate) fn is_scoped() -> bool {
    AMBIENT.get().scoped
}

pub(crate) fn set_scoped(scoped: bool) {
    set(Ambient { scoped, ..AMBIENT.get() });
}

pub(crate) fn caching() -> CacheMode {
    AMBIENT.get().caching
}

/// Sets what the task makes of caching; returns what it was.
pub(crate) fn set_caching(caching: CacheMode) -> CacheMode {
    let outer = AMBIENT.get();
    set(Ambient { caching, ..outer });
    outer.caching
}

pub(crate) fn is_recording() -> bool {
    AMBIENT.get().recording
}

pub(crate) fn set_recording(recording: bool) {
    set(Ambient { recording, ..AMBIENT.get() });
}

pub(crate) fn is_holding() -> bool {
    AMBIENT.get().holding
}

pub(crate) fn set_holding(holding: bool) {
    set(Ambient { holding, ..AMBIENT.get() });
}

pub(super) fn is_inheriting() -> bool {
    AMBIENT.get().inheriting
}

pub(super) fn set_inheriting(inheriting: bool) {
    set(Ambient { inheriting, ..AMBIENT.get() });
}

/// What the switch of the process and the scopes around a caller leave it: whether it reads and whether it stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leave {
    pub(crate) reads: bool,
    pub(crate) stores: bool,
}

impl Leave {
    pub(crate) fn now() -> Self {
        let Ambient { caching, holding, .. } = AMBIENT.get();
        let enabled = registry::is_enabled();
        let reads = matches!(caching, CacheMode::Normal | CacheMode::ReadOnly);
        // What is computed beside a transaction may rest on what is not committed.
        let stores = matches!(caching, CacheMode::Normal | CacheMode::Refresh) && !holding;
        Self { reads: reads && enabled, stores: stores && enabled }
    }

    /// What becomes of a mode.
    pub(crate) fn of(self, mode: Mode) -> Mode {
        let reads = mode.reads();
        if reads && self.reads {
            mode
        } else if !self.stores {
            Mode::Bypass
        } else if reads {
            Mode::Refresh
        } else {
            mode
        }
    }
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
    let Ambient { scoped, caching, recording, holding, inheriting, mode } = ambient;
    hinder(scoped || recording || holding || inheriting || caching != CacheMode::Normal || mode.is_some());
    AMBIENT.set(ambient);
}

/// While it lives, the next call of a function on this thread has a mode. Puts an outer one back, also when the call panics.
pub struct Entered(Option<(*const Site, Mode)>);

impl Drop for Entered {
    fn drop(&mut self) {
        set(Ambient { mode: self.0, ..AMBIENT.get() });
    }
}

/// Has the next call of the function be in this mode.
pub(super) fn enter(site: &'static Site, mode: Mode) -> Entered {
    enter_in(Some((std::ptr::from_ref(site), mode)))
}

fn enter_in(mode: Option<(*const Site, Mode)>) -> Entered {
    let outer = AMBIENT.get();
    set(Ambient { mode, ..outer });
    Entered(outer.mode)
}

impl Entered {
    /// Ends with the value of the call, which was made before: `enter(..).of(f(a))` evaluates its argument in the mode.
    #[inline]
    pub fn of<R>(self, value: R) -> R {
        drop(self);
        value
    }
}

/// Runs a future, in which the next call of the function has this mode.
pub(super) async fn with_mode_async<F: Future>(site: &'static Site, mode: Mode, call: F) -> F::Output {
    let mut call = pin!(call);
    let mut pending = true;
    poll_fn(|cx| {
        let ours = pending.then_some((std::ptr::from_ref(site), mode));
        let entered = enter_in(ours);
        let poll = call.as_mut().poll(cx);
        pending = pending && AMBIENT.get().mode == ours;
        drop(entered);
        poll
    })
    .await
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}
