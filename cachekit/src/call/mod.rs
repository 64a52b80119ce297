//! One call of an annotated function, and what its companions ask: look, compute, peek, forget.

mod forget;
mod lookup;
mod miss;
mod mode;
mod peek;

pub use self::forget::{
    Forget, delete_all, delete_instance, delete_one, delete_verhash, delete_verhash_instance,
};
pub use self::lookup::{Lookup, Pending, accept, lookup};
pub use self::miss::Miss;
pub use self::mode::{Mode, with_mode, with_mode_async};
pub(crate) use self::mode::{is_scoped, set_scoped};
pub use self::peek::{Peek, make_key, peek};
