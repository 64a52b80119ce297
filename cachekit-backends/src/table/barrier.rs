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

/// Whether there are kernels of this kind that help.
pub(super) const CAN_BE_HELPED: bool = cfg!(all(target_os = "linux", target_pointer_width = "64", not(miri)));

#[cfg(all(target_os = "linux", target_pointer_width = "64", not(miri)))]
mod kernel {
    use std::ffi::c_int;

    use crate::linux::membarrier;

    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED`, and what it asks for first.
    const BARRIER: c_int = 1 << 3;
    const REGISTER: c_int = 1 << 4;

    pub(super) fn register() -> bool {
        membarrier(REGISTER)
    }

    /// Says whether it did. A process that was forked may have to register again.
    pub(super) fn barrier() -> bool {
        membarrier(BARRIER) || (membarrier(REGISTER) && membarrier(BARRIER))
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", not(miri))))]
mod kernel {
    pub(super) const fn register() -> bool {
        false
    }
    pub(super) const fn barrier() -> bool {
        false
    }
}

/// Whether the kernel passes a barrier in every thread when asked to. To be asked once, before the first light barrier.
pub(super) fn is_helped() -> bool {
    kernel::register()
}

/// The side of those who read.
#[inline]
pub(super) fn light(is_helped: bool) {
    if is_helped {
        // The processor is stopped by the heavy side; only the compiler has to be told.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The side of who frees. Says whether it could be passed.
pub(super) fn heavy(is_helped: bool) -> bool {
    fence(Ordering::SeqCst);
    !is_helped || kernel::barrier()
}
