//! One call of an annotated function, and what its companions ask: look, compute, peek, forget.

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
mod verify;

pub use self::batch::{Batch, batch};
pub use self::conclude::{Keep, Own, TimedOut, keep, lend, never_late, own, timed_out};
pub(crate) use self::forget::{Change, OneCall, forget_stamp};
pub use self::forget::{
    Forget, delete_all, delete_instance, delete_one, delete_verhash, delete_verhash_instance,
};
pub(crate) use self::inherit::Around;
pub(crate) use self::lease::PATIENCE as LEASE_PATIENCE;
pub use self::lookup::{Lookup, Pending, Unclear, accept, answer, at_once, cold, lookup};
pub use self::miss::Miss;
pub(crate) use self::mode::{
    Leave, caching, is_holding, is_recording, is_scoped, set_caching, set_holding, set_recording, set_scoped,
};
pub use self::mode::{Mode, with_mode, with_mode_async};
pub use self::peek::{Peek, make_key, peek};
pub use self::recur::{OnceMore, once_more};
