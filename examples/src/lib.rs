//! What the examples share; they themselves are the `[[example]]` targets of this package.

mod block_on;
mod in_thread;

pub use self::block_on::block_on;
pub use self::in_thread::in_thread;
