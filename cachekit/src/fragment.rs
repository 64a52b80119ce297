//! Template fragments: a part of a page, cached by a name and what it varies by.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::future::Future;

use cachekit_backends::{Result, Timeout};

use crate::call::{Miss, Mode, delete_one, lookup};
use crate::key::text;
use crate::registry;
use crate::site::{Site, Types};
use crate::value::{Kind, OkOnly, PlainKind as _, Portable, Whole};

/// All fragments are results of one function, which is listed under this name.
static SITE: Site = Site::cached::<()>("cachekit::fragment", "", 0);

type Kept<E> = Portable<OkOnly<String, E>>;

/// The fragment of a name, rendered if it is not cached: for the values it varies by, with a lifetime of its own
/// (seconds or a `Duration`, `0` for ever, [`Timeout::Default`] for the cache's).
///
/// Concurrent callers of a missing fragment render it once. No two lists of values share a fragment.
///
/// ```
/// use cachekit::{delete_fragment, fragment};
///
/// let user = 7;
/// let menu = || fragment("menu", &[&user, &"de"], 60, || format!("<nav>expensive for {user}</nav>"));
/// assert_eq!(menu(), menu()); // rendered once
/// assert!(delete_fragment("menu", &[&user, &"de"])?);
/// # Ok::<(), cachekit::Error>(())
/// ```
pub fn fragment(
    name: &str,
    vary: &[&dyn Display],
    timeout: impl Into<Timeout>,
    render: impl FnOnce() -> String,
) -> String {
    let policy = Kind::<String>::NEW.plain().portable();
    let key = text(fragment_key(name, vary));
    let mut miss = match lookup(&SITE, Types::NONE, policy, key, Mode::Normal).resolve() {
        Ok(fragment) => return fragment,
        Err(miss) => miss,
    };
    let fragment = miss.run(render);
    miss.set_timeout(timeout);
    miss.finish(fragment)
}

/// As [`fragment`], for rendering that may fail. An error is not stored.
///
/// # Errors
///
/// What `render` gave.
pub fn try_fragment<E>(
    name: &str,
    vary: &[&dyn Display],
    timeout: impl Into<Timeout>,
    render: impl FnOnce() -> Result<String, E>,
) -> Result<String, E> {
    let policy = Kind::<Result<String, E>>::NEW.plain().portable();
    let key = text(fragment_key(name, vary));
    let mut miss: Miss<Kept<E>> = match lookup(&SITE, Types::NONE, policy, key, Mode::Normal).resolve() {
        Ok(fragment) => return fragment,
        Err(miss) => miss,
    };
    let fragment = miss.run(render);
    miss.set_timeout(timeout);
    miss.finish(fragment)
}

/// The async flavour of [`fragment`].
pub fn fragment_async<T, R, F>(
    name: &str,
    vary: &[&dyn Display],
    timeout: T,
    render: R,
) -> impl Future<Output = String> + use<T, R, F>
where
    T: Into<Timeout>,
    R: FnOnce() -> F,
    F: Future<Output = String>,
{
    let (key, timeout) = (fragment_key(name, vary), timeout.into());
    async move {
        let policy = Kind::<String>::NEW.plain().portable();
        let found = lookup(&SITE, Types::NONE, policy, text(key), Mode::Normal).resolve_async().await;
        let mut miss: Miss<Portable<Whole<String>>> = match found {
            Ok(fragment) => return fragment,
            Err(miss) => miss,
        };
        let fragment = miss.run_async(render).await;
        miss.set_timeout(timeout);
        miss.finish_async(fragment).await
    }
}

/// The key of a fragment, as [`Cache`](crate::Cache)'s operations take it: `fragment/menu,7,de`.
///
/// ```
/// use cachekit::fragment_key;
///
/// assert_eq!(fragment_key("menu", &[&7, &"de"]), "fragment/menu,7,de");
/// assert_eq!(fragment_key("menu", &[&"a,b"]), "fragment/menu,a%2Cb");
/// ```
pub fn fragment_key(name: &str, vary: &[&dyn Display]) -> String {
    let mut key = format!("fragment/{}", part(name));
    for value in vary {
        // Writing to a String cannot fail.
        let _ = write!(key, ",{}", part(&value.to_string()));
    }
    key
}

/// Forgets a fragment; tells whether there was one.
///
/// # Errors
///
/// When the backend fails: it may still be there then.
pub fn delete_fragment(name: &str, vary: &[&dyn Display]) -> Result<bool> {
    let policy = Kind::<String>::NEW.plain().portable();
    delete_one(&SITE, Types::NONE, policy, text(fragment_key(name, vary))).resolve()
}

/// The async flavour of [`delete_fragment`].
///
/// # Errors
///
/// As [`delete_fragment`].
pub fn delete_fragment_async(
    name: &str,
    vary: &[&dyn Display],
) -> impl Future<Output = Result<bool>> + use<> {
    let key = fragment_key(name, vary);
    async move { registry::current().delete_async(&key).await }
}

/// A part of a key without the comma that ends it.
fn part(text: &str) -> Cow<'_, str> {
    if !text.contains([',', '%']) {
        return text.into();
    }
    text.replace('%', "%25").replace(',', "%2C").into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::fragment_key;

    #[test]
    fn no_two_fragments_share_a_key() {
        let texts = ["", "a", "b", ",", "%", "%2C", "a,b", "a%2Cb", "a,", "é", "\0", " "];
        let mut seen = HashMap::new();
        for name in texts {
            seen.insert(fragment_key(name, &[]), vec![name]);
        }
        for name in texts {
            for first in texts {
                let one = seen.insert(fragment_key(name, &[&first]), vec![name, first]);
                assert_eq!(one, None, "{name:?} {first:?}");
                for second in texts {
                    let two = seen.insert(fragment_key(name, &[&first, &second]), vec![name, first, second]);
                    assert_eq!(two, None, "{name:?} {first:?} {second:?}");
                }
            }
        }
        assert_eq!(seen.len(), 12 + 144 + 1728);
    }
}
