//! What a backend can do, as data: the conformance kit and the runtime choose by it, never by a backend's name.

/// What a backend can do. Start from [`Capability::NONE`] and set what holds:
///
/// ```
/// let mut capability = cachekit_backends::Capability::NONE;
/// capability.stores = true;
/// capability.shared = true;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that a reader looks up by name"
)]
#[non_exhaustive]
pub struct Capability {
    /// What is stored can be read again. False only for a cache that keeps nothing.
    pub stores: bool,
    /// Values never leave this process, so typed values can stand beside the bytes ([`Table`](crate::Table)).
    pub in_process: bool,
    /// Other processes see what is stored.
    pub shared: bool,
    /// An operation may wait for a disk or a network.
    pub may_block: bool,
    /// [`compare_and_set`](crate::Backend::compare_and_set) is atomic. Without it, forgetting one call of a function
    /// whose computation runs in *another* process is best effort.
    pub compare_and_set: bool,
    /// [`increment`](crate::Backend::increment) is atomic.
    pub atomic_increment: bool,
    /// [`set_many`](crate::Backend::set_many) stores one after the other, in the order given: nobody who reads a later one first
    /// misses an earlier one.
    pub in_order: bool,
    /// Entries expire to the millisecond. Otherwise to the second.
    pub exact_expiry: bool,
    /// Lifetimes follow the clock the backend was built with, so tests need not sleep.
    pub manual_clock: bool,
    /// [`entries`](crate::Backend::entries) knows the number of entries.
    pub counts_entries: bool,
    /// [`watch`](crate::Backend::watch) tells what changes, so that copies of what was read can be kept in the process
    /// for longer than a moment.
    pub watches: bool,
}

impl Capability {
    /// Nothing at all.
    pub const NONE: Self = Self {
        stores: false,
        in_process: false,
        shared: false,
        may_block: false,
        compare_and_set: false,
        atomic_increment: false,
        in_order: false,
        exact_expiry: false,
        manual_clock: false,
        counts_entries: false,
        watches: false,
    };
}
