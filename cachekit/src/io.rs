//! One way to write what needs a backend, for sync and async callers alike.
//!
//! Everything above the backend is written once, as async code over [`Io`]. For a sync caller its operations are the
//! blocking ones, so that no future in it ever waits, and [`now`] takes the result out of the first poll.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use cachekit_backends::{Backend, Read, Result, Seen, Swap};

pub(crate) use cachekit_backends::__private::{Flavour, now};

/// Lets some time pass.
pub(crate) async fn pause(flavour: Flavour, duration: Duration) {
    match flavour {
        Flavour::Blocking => std::thread::sleep(duration),
        Flavour::Async => futures_timer::Delay::new(duration).await,
    }
}

/// Lets the other tasks of this one's executor go first that are about to go on.
pub(crate) async fn give_way(flavour: Flavour) {
    let mut has_given = matches!(flavour, Flavour::Blocking);
    poll_fn(|cx| {
        if std::mem::replace(&mut has_given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A backend in one flavour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Io<'a> {
    backend: &'a dyn Backend,
    flavour: Flavour,
}

macro_rules! operations {
    ($($name:ident / $twin:ident ($($arg:ident: $t:ty),*) -> $out:ty;)*) => {$(
        pub(crate) async fn $name(self, $($arg: $t),*) -> Result<$out> {
            match self.flavour {
                Flavour::Blocking => self.backend.$name($($arg),*),
                Flavour::Async => self.backend.$twin($($arg),*).await,
            }
        }
    )*};
}

impl<'a> Io<'a> {
    pub(crate) fn new(backend: &'a dyn Backend, flavour: Flavour) -> Self {
        Self { backend, flavour }
    }

    operations! {
        get_many / get_many_async(keys: &[&str]) -> Vec<Option<Vec<u8>>>;
        read_many / read_many_async(keys: &[&str]) -> Vec<Option<Read>>;
        add_and_read / add_and_read_async(
            new: &[(&str, &[u8], Option<Duration>)],
            keys: &[&str]
        ) -> Vec<Option<Read>>;
        set_many / set_many_async(items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Vec<bool>;
        add / add_async(key: &str, value: &[u8], lifetime: Option<Duration>) -> bool;
        compare_and_set / compare_and_set_async(
            key: &str,
            seen: Option<Seen<'_>>,
            value: &[u8],
            lifetime: Option<Duration>
        ) -> bool;
        compare_and_set_many / compare_and_set_many_async(swaps: &[Swap<'_>]) -> Vec<bool>;
        delete_many / delete_many_async(keys: &[&str]) -> Vec<bool>;
        increment / increment_async(key: &str, delta: i64, lifetime: Option<Duration>) -> i64;
        clear / clear_async(prefix: &str) -> ();
    }
}
