//! The calls of Linux that std has no name for.
//!
//! They are declared here because the libc crate would be a fifteenth of what it takes to build the default features, for
//! two calls. The tests compare them with it.

use std::ffi::{c_int, c_long};

/// `CLOCK_MONOTONIC`.
pub(crate) const MONOTONIC: c_int = 1;
/// `CLOCK_MONOTONIC_COARSE`.
pub(crate) const MONOTONIC_COARSE: c_int = 6;

/// `struct timespec`, where pointers have 64 bits.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: i64,
}

/// The number of `membarrier`; `None` where it is not known.
const MEMBARRIER: Option<c_long> = if cfg!(target_arch = "x86_64") {
    Some(324)
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
    Some(283)
} else {
    None
};

unsafe extern "C" {
    fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

/// The time of a clock, in nanoseconds.
#[inline]
pub(crate) fn time(clock: c_int) -> u64 {
    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: `time` is a valid, writable timespec for the whole call, which is all that it asks for.
    let status = unsafe { clock_gettime(clock, &raw mut time) };
    debug_assert_eq!(status, 0, "every Linux has these clocks");
    u64::try_from(time.seconds).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.nanos).unwrap_or(0)
}

/// `membarrier`; says whether it did.
pub(crate) fn membarrier(command: c_int) -> bool {
    let zero: c_int = 0;
    // SAFETY: a system call that takes three integers and touches no memory of ours.
    MEMBARRIER.is_some_and(|number| unsafe { syscall(number, command, zero, zero) == 0 })
}

#[cfg(test)]
mod tests {
    use std::mem::{align_of, offset_of, size_of};

    use super::*;

    #[test]
    fn it_is_as_the_libc_crate_has_it() {
        assert_eq!((MONOTONIC, MONOTONIC_COARSE), (libc::CLOCK_MONOTONIC, libc::CLOCK_MONOTONIC_COARSE));
        assert!(MEMBARRIER.is_none_or(|number| number == libc::SYS_membarrier));
        let ours = (size_of::<Timespec>(), align_of::<Timespec>());
        assert_eq!(ours, (size_of::<libc::timespec>(), align_of::<libc::timespec>()));
        assert_eq!(offset_of!(Timespec, seconds), offset_of!(libc::timespec, tv_sec));
        assert_eq!(offset_of!(Timespec, nanos), offset_of!(libc::timespec, tv_nsec));
    }

    #[test]
    fn a_coarse_clock_follows_the_exact_one() {
        let (before, coarse, after) = (time(MONOTONIC), time(MONOTONIC_COARSE), time(MONOTONIC));
        assert!(before <= after && coarse <= after);
    }
}
