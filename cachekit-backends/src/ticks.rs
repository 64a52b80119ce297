//! The time as of the last tick of a thread of ours, for the price of a load.
//!
//! Whoever reads a value asks whether its end is still to come, and nearly always the end is far away. The last tick
//! answers that; only near the end a clock is asked. The thread ticks for as long as somebody asks, and then sleeps
//! until somebody does: a program that reads nothing has no timer.
//!
//! What is beyond the [`HORIZON`] has not come unless the thread got no processor for [`MARGIN`]: a process that was
//! stopped may, in the moment in which it goes on, take a value for alive whose end came meanwhile.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// What has not come yet, in nanoseconds of the machine's clock: a while after the last tick.
pub(crate) static HORIZON: AtomicU64 = AtomicU64::new(NOWHERE);

/// What stands there while the thread sleeps: only what never ends is after it.
pub(crate) const NOWHERE: u64 = u64::MAX - 1;

/// How far away the horizon is. A tick may come that much too late before it tells less than the truth.
const MARGIN: u64 = 1_000_000_000;

const TICK: Duration = Duration::from_millis(100);
/// Ticks until somebody must ask again.
const TICKS: usize = 50;

static ASKED: AtomicBool = AtomicBool::new(false);
/// The thread, once there is one. Leaked.
static THREAD: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

/// Has the thread tick, from about now on, if it does not.
#[inline]
pub(crate) fn ask(now: fn() -> u64) {
    if HORIZON.load(Ordering::Relaxed) == NOWHERE {
        wake(now);
    }
}

#[cold]
fn wake(now: fn() -> u64) {
    if ASKED.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: null, or leaked before it was stored.
    if let Some(thread) = unsafe { THREAD.load(Ordering::Acquire).as_ref() } {
        thread.unpark();
        return;
    }
    after_fork::forget_the_thread();
    // Without a thread the clock is asked each time: then it stays as if asked, and nobody tries again.
    if let Ok(handle) = thread::Builder::new().name("cachekit-clock".to_owned()).spawn(move || tick(now)) {
        THREAD.store(Box::into_raw(Box::new(handle.thread().clone())), Ordering::Release);
    }
}

fn tick(now: fn() -> u64) {
    loop {
        while !ASKED.swap(false, Ordering::AcqRel) {
            thread::park();
        }
        for _ in 0..TICKS {
            HORIZON.store(now().saturating_add(MARGIN).min(NOWHERE), Ordering::Relaxed);
            thread::sleep(TICK);
        }
        HORIZON.store(NOWHERE, Ordering::Relaxed);
    }
}

#[cfg(unix)]
mod after_fork {
    use std::ptr;
    use std::sync::Once;
    use std::sync::atomic::Ordering;

    use super::{ASKED, HORIZON, NOWHERE, THREAD};

    /// A child of `fork` has the memory of its parent, but not this thread: it begins anew.
    pub(super) fn forget_the_thread() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the handler only stores to atomics, which a child may do at once.
            unsafe { pthread_atfork(None, None, Some(in_child)) };
        });
    }

    unsafe extern "C" fn in_child() {
        HORIZON.store(NOWHERE, Ordering::Relaxed);
        THREAD.store(ptr::null_mut(), Ordering::Relaxed);
        ASKED.store(false, Ordering::Relaxed);
    }

    type Handler = Option<unsafe extern "C" fn()>;

    // Of POSIX.
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> std::ffi::c_int;
    }
}

#[cfg(not(unix))]
mod after_fork {
    pub(super) fn forget_the_thread() {}
}
