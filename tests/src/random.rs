//! A little generator, so that a schedule can be run again by its seed.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Numbers that follow from a seed. As an argument it is no part of a key.
#[derive(Debug)]
pub struct Random(AtomicU64);

impl std::hash::Hash for Random {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    /// A number below the limit.
    #[allow(clippy::cast_possible_truncation, reason = "31 bits are left")]
    pub fn below(&self, limit: usize) -> usize {
        let last = self.0.load(SeqCst);
        let next = last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0.store(next, SeqCst);
        (next >> 33) as usize % limit
    }

    /// Takes a moment, or none.
    pub fn dawdle(&self) {
        match self.below(4) {
            0 => thread::yield_now(),
            1 => (0..self.below(2_000)).for_each(|_| std::hint::spin_loop()),
            2 => thread::sleep(Duration::from_micros(self.below(60) as u64)),
            _ => {}
        }
    }
}
