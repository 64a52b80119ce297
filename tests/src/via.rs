//! A backend that does what another one does, and somebody before it who notes or refuses what is asked.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Answer, Backend, Capability, Listener, Read, Result, Seen, Swap, Watch};

/// Who is asked before a backend is.
pub trait Before: std::fmt::Debug + Send + Sync + 'static {
    /// What happens before an operation; an error is its result.
    ///
    /// # Errors
    ///
    /// As a test wants it.
    fn before(&self, operation: Operation<'_>) -> Result<()>;

    /// Whether the async flavour of the operation never ends.
    fn is_endless(&self, _operation: Operation<'_>) -> bool {
        false
    }

    /// What the backend says that it can do.
    fn capability(&self, inner: Capability) -> Capability {
        inner
    }

    /// Who is told what changes.
    fn listener(&self, listener: Arc<dyn Listener>) -> Arc<dyn Listener> {
        listener
    }
}

/// What a backend is asked to do.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named after the operations; one for many is that for one")]
pub enum Operation<'a> {
    Read,
    Set(&'a [(&'a str, &'a [u8])]),
    Add,
    CompareAndSet,
    Delete,
    Has,
    Increment,
    Clear,
}

/// A backend, and who is asked before it.
#[derive(Clone, Debug)]
pub struct Via<T> {
    inner: Arc<dyn Backend>,
    /// Who is asked.
    pub first: T,
}

impl<T: Before> Via<T> {
    /// Puts `first` before a backend.
    pub fn new(first: T, inner: impl Backend) -> Self {
        Self::shared(first, Arc::new(inner))
    }

    /// The same before one that others hold too.
    pub fn shared(first: T, inner: Arc<dyn Backend>) -> Self {
        Self { inner, first }
    }
}

macro_rules! forward {
    ($($name:ident / $twin:ident ($($arg:ident: $t:ty),*) -> $out:ty = $operation:expr;)*) => {$(
        #[allow(clippy::needless_lifetimes, reason = "the async twin needs the name of the lifetime")]
        fn $name<'a>(&self, $($arg: $t),*) -> Result<$out> {
            self.first.before($operation)?;
            self.inner.$name($($arg),*)
        }

        fn $twin<'a>(&'a self, $($arg: $t),*) -> Answer<'a, Result<$out>> {
            if self.first.is_endless($operation) {
                return Answer::later(std::future::pending());
            }
            match self.first.before($operation) {
                Ok(()) => self.inner.$twin($($arg),*),
                Err(error) => Answer::ready(Err(error)),
            }
        }
    )*};
}

impl<T: Before> Backend for Via<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.first.capability(self.inner.capability())
    }

    fn entries(&self) -> Option<usize> {
        self.inner.entries()
    }

    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        self.inner.watch(prefix, self.first.listener(listener))
    }

    forward! {
        get_many / get_many_async(keys: &'a [&'a str]) -> Vec<Option<Vec<u8>>> = Operation::Read;
        read_many / read_many_async(keys: &'a [&'a str]) -> Vec<Option<Read>> = Operation::Read;
        add_and_read / add_and_read_async(
            new: &'a [(&'a str, &'a [u8], Option<Duration>)],
            keys: &'a [&'a str]
        ) -> Vec<Option<Read>> = Operation::Read;
        set_many / set_many_async(items: &'a [(&'a str, &'a [u8])], lifetime: Option<Duration>) -> Vec<bool>
            = Operation::Set(items);
        add / add_async(key: &'a str, value: &'a [u8], lifetime: Option<Duration>) -> bool = Operation::Add;
        compare_and_set / compare_and_set_async(
            key: &'a str,
            seen: Option<Seen<'a>>,
            value: &'a [u8],
            lifetime: Option<Duration>
        ) -> bool = Operation::CompareAndSet;
        compare_and_set_many / compare_and_set_many_async(swaps: &'a [Swap<'a>]) -> Vec<bool>
            = Operation::CompareAndSet;
        delete_many / delete_many_async(keys: &'a [&'a str]) -> Vec<bool> = Operation::Delete;
        has_many / has_many_async(keys: &'a [&'a str]) -> Vec<bool> = Operation::Has;
        increment / increment_async(key: &'a str, delta: i64, lifetime: Option<Duration>) -> i64
            = Operation::Increment;
        clear / clear_async(prefix: &'a str) -> () = Operation::Clear;
    }
}
