//! What the examples share; they themselves are the `[[example]]` targets of this package.

mod block_on;
mod in_thread;
mod newer;

pub use self::block_on::block_on;
pub use self::in_thread::in_thread;
pub use self::newer::newer;
