//! The two sides of a fence of which only the rare one pays: light for readers, heavy for who frees.
//!
//! Between a light and a heavy barrier there is always an order: either what was stored before the light one is seen
//! after the heavy one, or the other way round.

/// The atomics of what the barrier is for, which a model replaces together with it.
pub(super) mod sync {
    pub(in super::super) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

use sync::{Ordering, fence};

#[cfg(all(target_os = "linux", not(miri)))]
mod kernel {
    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED`, and what it asks for first.
    const BARRIER: libc::c_int = 1 << 3;
    const REGISTER: libc::c_int = 1 << 4;

    /// Whether the kernel passes a barrier in every thread when asked to. Decided before the first reader, for good.
    static HELPS: AtomicBool = AtomicBool::new(false);

    #[inline]
    pub(super) fn helps() -> bool {
        HELPS.load(Ordering::Relaxed)
    }

    pub(super) fn prepare() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| HELPS.store(ask(REGISTER), Ordering::Relaxed));
    }

    /// Says whether it did. A process that was forked may have to register again.
    pub(super) fn barrier() -> bool {
        ask(BARRIER) || (ask(REGISTER) && ask(BARRIER))
    }

    fn ask(command: libc::c_int) -> bool {
        // SAFETY: a system call that takes three integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod kernel {
    pub(super) const fn helps() -> bool {
        false
    }
    pub(super) const fn prepare() {}
    pub(super) const fn barrier() -> bool {
        false
    }
}

/// To be called by a thread before its first light barrier.
pub(super) fn prepare() {
    kernel::prepare();
}

/// The side of those who read.
#[inline]
pub(super) fn light() {
    if kernel::helps() {
        // The processor is stopped by the heavy side; only the compiler has to be told.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The side of who frees. Says whether it could be passed.
pub(super) fn heavy() -> bool {
    fence(Ordering::SeqCst);
    !kernel::helps() || kernel::barrier()
}
