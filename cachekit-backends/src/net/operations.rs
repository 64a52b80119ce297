//! One way to write the operations of a network store, for both flavours of the contract.

#[cfg(feature = "uwsgi")]
use crate::flavour::Flavour;

/// Waits in the way that the caller can.
#[cfg(feature = "uwsgi")]
pub(crate) async fn pause(flavour: Flavour, time: std::time::Duration) -> crate::Result<()> {
    match flavour {
        Flavour::Blocking => std::thread::sleep(time),
        Flavour::Async => {
            super::runtime::run(async move {
                tokio::time::sleep(time).await;
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}

/// Implements the operations of [`Backend`](crate::Backend) by inherent async functions which take the flavour first:
/// `read`, `read_adding`, `write`, `insert`, `replace`, `replace_each`, `remove`, `contains`, `count` and `erase`, with the
/// arguments and results of `read_many`, `add_and_read`, `set_many`, `add`, `compare_and_set`, `compare_and_set_many`,
/// `delete_many`, `has_many`, `increment` and `clear`.
macro_rules! operations {
    () => {
        fn get_many(&self, keys: &[&str]) -> $crate::Result<Vec<Option<Vec<u8>>>> {
            Ok($crate::backend::values(self.read_many(keys)?))
        }

        fn get_many_async<'a>(
            &'a self,
            keys: &'a [&'a str],
        ) -> $crate::Answer<'a, $crate::Result<Vec<Option<Vec<u8>>>>> {
            let read = self.read($crate::net::Flavour::Async, keys);
            $crate::Answer::later(async move { Ok($crate::backend::values(read.await?)) })
        }

        $crate::net::operations! {
            read_many / read_many_async / read(keys: &'a [&'a str]) -> Vec<Option<$crate::Read>>;
            add_and_read / add_and_read_async / read_adding(
                new: &'a [(&'a str, &'a [u8], Option<std::time::Duration>)],
                keys: &'a [&'a str]
            ) -> Vec<Option<$crate::Read>>;
            set_many / set_many_async / write(
                items: &'a [(&'a str, &'a [u8])],
                lifetime: Option<std::time::Duration>
            ) -> Vec<bool>;
            add / add_async / insert(
                key: &'a str,
                value: &'a [u8],
                lifetime: Option<std::time::Duration>
            ) -> bool;
            compare_and_set / compare_and_set_async / replace(
                key: &'a str,
                seen: Option<$crate::Seen<'a>>,
                value: &'a [u8],
                lifetime: Option<std::time::Duration>
            ) -> bool;
            compare_and_set_many / compare_and_set_many_async / replace_each(
                swaps: &'a [$crate::Swap<'a>]
            ) -> Vec<bool>;
            delete_many / delete_many_async / remove(keys: &'a [&'a str]) -> Vec<bool>;
            has_many / has_many_async / contains(keys: &'a [&'a str]) -> Vec<bool>;
            increment / increment_async / count(
                key: &'a str,
                delta: i64,
                lifetime: Option<std::time::Duration>
            ) -> i64;
            clear / clear_async / erase(prefix: &'a str) -> ();
        }
    };
    ($($name:ident / $twin:ident / $inner:ident ($($arg:ident: $t:ty),*) -> $out:ty;)*) => {$(
        #[allow(clippy::needless_lifetimes, reason = "the async twin needs the name of the lifetime")]
        fn $name<'a>(&self, $($arg: $t),*) -> $crate::Result<$out> {
            $crate::net::now(self.$inner($crate::net::Flavour::Blocking, $($arg),*))
        }

        fn $twin<'a>(&'a self, $($arg: $t),*) -> $crate::Answer<'a, $crate::Result<$out>> {
            $crate::Answer::later(self.$inner($crate::net::Flavour::Async, $($arg),*))
        }
    )*};
}
pub(crate) use operations;
