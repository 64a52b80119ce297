//! What a program decides about its caches while it runs: modes of a task, a record of what was asked for, invalidations
//! that wait for a commit, those that failed and are tried again, and how much is computed while a backend is down.

mod after_commit;
mod invalidation;
mod limit;
mod mode;
mod record;
mod recovery;
mod subject;

pub use self::after_commit::{AfterCommit, CommitError};
pub(crate) use self::after_commit::{hold, is_held, is_open};
pub(crate) use self::invalidation::Invalidation;
pub(crate) use self::limit::{Limits, Permit, Place};
pub use self::mode::CacheMode;
pub use self::record::{Asked, Outcome, Record};
pub(crate) use self::record::{note, note_bypass, note_key};
pub(crate) use self::recovery::Recovery;
pub use self::recovery::RecoveryStats;
pub(crate) use self::subject::Concern;
