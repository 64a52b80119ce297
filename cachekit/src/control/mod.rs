//! What a program decides about its caches while it runs: modes of a task, a record of what was asked for, invalidations
//! that wait for a commit, those that failed and are tried again, and how much is computed while a backend is down.

mod mode;
mod record;

pub use self::mode::CacheMode;
pub(crate) use self::record::{note, note_bypass, note_key};
pub use self::record::{Asked, Outcome, Record};
