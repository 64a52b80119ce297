//! One call of an annotated function, and what its companions ask: look, compute, peek, forget.

mod ask;
mod batch;
mod computing;
mod concern;
mod conclude;
mod forget;
mod inherit;
mod lease;
mod look;
mod lookup;
mod miss;
mod missed;
mod mode;
mod one;
mod peek;
mod place;
mod recur;
mod resolve;
mod seek;
mod settle;
mod verify;

pub use self::ask::{Cached, Forgotten, Key, Question, whole};
pub use self::batch::{Batch, batch};
pub use self::conclude::{Keep, Own, TimedOut, keep, lend, never_late, own, timed_out};
pub(crate) use self::forget::{Change, OneCall, forget_stamp};
pub use self::forget::{Forget, delete_one};
pub(crate) use self::inherit::Around;
pub(crate) use self::lease::PATIENCE as LEASE_PATIENCE;
pub use self::lookup::{Lookup, Pending, Unclear, accept, answer, at_once, cold, lookup};
pub use self::miss::Miss;
pub use self::mode::{Entered, Mode};
pub(crate) use self::mode::{
    Leave, caching, is_holding, is_recording, is_scoped, set_caching, set_holding, set_recording, set_scoped,
};
pub use self::peek::{Peek, peek};
pub use self::recur::{OnceMore, once_more};
