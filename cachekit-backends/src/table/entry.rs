//! One value in a table.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::fence::Ticket;
use super::key::OwnedKey;
use crate::Moment;

/// Uses beyond this many make no difference to eviction, so that a busy entry is not written by its readers.
const MOST_USES: u8 = 3;

pub(super) struct Entry<V> {
    pub(super) key: OwnedKey,
    pub(super) expires: Moment,
    /// When its computation began, on the table's fence.
    pub(super) birth: u64,
    /// The receiver it belongs to, or zero.
    pub(super) instance: u64,
    /// The epoch of the fence at which it was last found valid.
    pub(super) checked: AtomicU64,
    uses: AtomicU8,
    pub(super) value: V,
}

impl<V> Entry<V> {
    pub(super) fn new(key: OwnedKey, value: V, expires: Moment, ticket: &Ticket) -> Self {
        Self {
            key,
            expires,
            birth: ticket.birth(),
            instance: ticket.instance(),
            // Never an epoch: the first read validates.
            checked: AtomicU64::new(u64::MAX),
            uses: AtomicU8::new(0),
            value,
        }
    }

    /// Notes a use. Lossy, and silent once the count is saturated.
    #[inline]
    pub(super) fn touch(&self) {
        let uses = self.uses.load(Ordering::Relaxed);
        if uses < MOST_USES {
            self.uses.store(uses + 1, Ordering::Relaxed);
        }
    }

    /// Takes one use away; says whether there was none left.
    pub(super) fn cool(&self) -> bool {
        let uses = self.uses.load(Ordering::Relaxed);
        self.uses.store(uses.saturating_sub(1), Ordering::Relaxed);
        uses == 0
    }
}
