//! The time that a thread has computed, which other programs on the machine do not spend.

use std::time::Duration;

/// The CPU time of this thread.
pub fn of_thread() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The CPU time of the children that this process has waited for, and of theirs.
pub fn of_children() -> Duration {
    // SAFETY: an all-zero rusage is valid: integers and pairs of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid, writable rusage for the whole call.
    let status = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    assert_eq!(status, 0, "the usage of children");
    let time = |t: libc::timeval| {
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec for the whole call.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(status, 0, "the CPU clock of this thread");
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Nanoseconds of this thread per call of `call`, which is called with 0, 1, ….
#[inline]
pub fn nanos_per_call(calls: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = of_thread();
    for i in 0..calls {
        call(i);
    }
    of_thread().saturating_sub(start).as_nanos() as f64 / calls as f64
}
