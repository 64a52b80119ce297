//! Being told what changes in a store, for whoever keeps copies of what is there.

use std::any::Any;
use std::fmt;

/// Who is told what changes in a store; see [`Backend::watch`](crate::Backend::watch).
///
/// Called on a thread of the store's, one call after the other and without any lock held. What it does should take no
/// longer than forgetting a few values.
pub trait Listener: Send + Sync + 'static {
    /// From now on every change is told: whoever begins to read after this is told of what changes after the read.
    fn began(&self);

    /// What is under the key was stored, replaced or removed, has expired or was evicted; or may have been. Told soon
    /// after it happened, to everybody, those who changed it themselves included.
    fn changed(&self, key: &str);

    /// Changes may have gone untold, and may until it [`began`](Self::began) again: nothing that was read before is to
    /// be relied on. May be called when nothing had begun.
    fn ended(&self);
}

/// A store being watched, until this is dropped.
pub struct Watch {
    _keeper: Box<dyn Any + Send + Sync>,
}

impl Watch {
    /// A watch that ends when `keeper` is dropped.
    pub fn new(keeper: impl Any + Send + Sync) -> Self {
        Self { _keeper: Box::new(keeper) }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
