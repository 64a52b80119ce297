//! Why bytes are not taken for an entry, and how often that happened.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why bytes are not an entry: the index of a counter, except for [`Tombstone`](Reason::Tombstone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Foreign,
    Version,
    Damaged,
    OtherSeal,
    UnknownKey,
    Forged,
    Unsupported,
    TooLarge,
    OtherType,
    OtherCall,
    /// A call was forgotten here.
    Tombstone,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $field:ident: $reason:ident = $text:literal;)*) => {
        /// What a cache found in its backend and did not serve, by reason; see [`Cache::refusals`](crate::Cache::refusals).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Refusals {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Refusals {
            /// All together.
            pub fn total(&self) -> u64 {
                [$(self.$field),*].iter().sum()
            }
        }

        const REASONS: usize = [$(Reason::$reason),*].len();

        /// The counters of one cache.
        #[derive(Debug, Default)]
        pub(crate) struct Counters([AtomicU64; REASONS]);

        impl Counters {
            pub(crate) fn snapshot(&self) -> Refusals {
                Refusals { $($field: self.0[Reason::$reason as usize].load(Ordering::Relaxed),)* }
            }
        }

        impl Reason {
            /// What the log says of it; `None` for what is no deviation.
            fn text(self) -> Option<&'static str> {
                match self {
                    $(Self::$reason => Some($text),)*
                    Self::Tombstone => None,
                }
            }
        }
    };
}

refusals! {
    /// Bytes that cachekit did not write.
    foreign: Foreign = "it was not written by cachekit";
    /// Entries of a format that this version does not know.
    version: Version = "it is of a format that this version of cachekit does not know";
    /// Entries that were cut short, changed, or moved from another key.
    damaged: Damaged = "it is damaged";
    /// Entries that are not sealed the way this cache seals: not at all, otherwise, or although it does not.
    other_seal: OtherSeal = "it is not sealed the way this cache seals";
    /// Entries that were sealed with a key that is not listed.
    unknown_key: UnknownKey = "it is sealed with a key that is not listed";
    /// Sealed entries that were changed, moved from another key, or made by somebody without the key.
    forged: Forged = "its seal is broken";
    /// Entries that only a build with another feature reads.
    unsupported: Unsupported = "it is compressed, and the feature that reads it (`lz4` or `zstd`) is off";
    /// Entries that would decompress to more than the limit.
    too_large: TooLarge = "it would decompress to more than the limit";
    /// Entries of another type or codec than was asked for.
    other_type: OtherType = "it is of another type or codec";
    /// Entries of another call, whose key has the same digest.
    other_call: OtherCall = "it is of another call";
}

impl Counters {
    /// Counts and logs a refusal: the first of its kind loudly.
    pub(crate) fn refuse(&self, reason: Reason, whose: &str) {
        let (Some(text), Some(counter)) = (reason.text(), self.0.get(reason as usize)) else { return };
        // A key may have come from a request: it makes no lines of its own.
        let whose = whose.escape_debug();
        if counter.fetch_add(1, Ordering::Relaxed) == 0 {
            log::warn!(
                "{whose}: an entry is taken for a miss: {text}; the log shows further ones at level debug"
            );
        } else {
            log::debug!("{whose}: an entry is taken for a miss: {text}");
        }
    }
}
