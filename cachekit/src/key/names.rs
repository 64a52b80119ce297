//! The text of keys: what a call, a function and its stamps are called in a backend.

use std::borrow::Cow;

use cachekit_backends::OwnedKey;

use crate::cache::Core;
use crate::key::digest::md5;
use crate::key::{TextKey, text as text_key};
use crate::site::{Site, Types};

/// Bytes of a function's name that go into keys as they are.
const READABLE: usize = 120;

/// The key that a verbatim text is in a table.
pub(crate) fn verbatim(text: &str) -> OwnedKey {
    OwnedKey::of(&text_key(text.to_owned()))
}

/// The text of a memoized call: the function's name and a digest of what was fed.
pub(crate) fn text(core: &Core, site: &'static Site, types: Types, key: &OwnedKey) -> String {
    core.known.function(core, site, types).text(key)
}

/// What names an instance: the same for every instantiation of a generic method, so that forgetting it forgets them all.
pub(crate) fn instance(core: &Core, site: &'static Site, receiver: &OwnedKey) -> u128 {
    core.known.function(core, site, Types::NONE).second(receiver)
}

/// What the source of the function adds to its keys: nothing unless it is asked for.
pub(crate) fn source(core: &Core, site: &'static Site) -> Vec<u8> {
    let checked = site.options.source_check.unwrap_or(core.source_check);
    if checked { site.source.to_le_bytes().to_vec() } else { Vec::new() }
}

/// The readable part of a function's keys: its namespace and its name after `make_name`, made fit for any backend.
pub(crate) fn function(site: &'static Site) -> Cow<'static, str> {
    let name: Cow<'static, str> = match site.options.make_name {
        Some(make) => make(site.name()).into(),
        None => site.name().into(),
    };
    fit(match site.options.namespace {
        Some(namespace) => format!("{namespace}:{name}").into(),
        None => name,
    })
}

/// A name that every backend takes: no spaces, no control characters, not too long. One that had to change keeps a
/// digest of what it was.
fn fit(name: Cow<'static, str>) -> Cow<'static, str> {
    match fit_within(&name, READABLE) {
        Cow::Borrowed(_) => name,
        Cow::Owned(fitted) => fitted.into(),
    }
}

/// A text key that every backend takes: as [`fit`], with room for the length that backends allow.
pub(crate) fn fit_text(text: &str) -> Cow<'_, str> {
    fit_within(text, 200)
}

fn fit_within(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest && is_plain(text) {
        return text.into();
    }
    let digest = md5(&[text.as_bytes()]);
    let readable: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(longest - 33).collect();
    format!("{readable}~{digest}").into()
}

/// Whether every backend takes a text as it is, if it is not too long. One that ends as if it had been made fit is made
/// fit itself: whoever chooses a key, such as the path of a request, must not reach the entry of another one.
fn is_plain(text: &str) -> bool {
    let is_made = text.len().checked_sub(33).is_some_and(|at| {
        let ending = &text.as_bytes()[at..];
        ending[0] == b'~' && ending[1..].iter().all(u8::is_ascii_hexdigit)
    });
    // All of them are looked at, several at once.
    !is_made && text.bytes().fold(true, |is_plain, b| is_plain & b.is_ascii_graphic())
}

/// The backend's name for a function's stamp.
pub(crate) fn function_stamp(core: &Core, function: &str) -> String {
    core.backend_key(&format!("{function}:stamp"))
}

/// The backend's name for an instance's stamp.
pub(crate) fn instance_stamp(core: &Core, function: &str, instance: u128) -> String {
    core.backend_key(&format!("{function}:{instance:032x}:stamp"))
}

/// The backend's name for a tag's stamp.
pub(crate) fn tag_stamp(core: &Core, tag: &str) -> String {
    // No function has a name like this, so no other stamp is called so.
    core.backend_key(&format!("#{}:stamp", fit_within(tag, 150)))
}

/// The backend's name for the stamp that changes before that of any tag.
pub(crate) fn any_tag_stamp(core: &Core) -> String {
    core.backend_key("#:stamp")
}

/// Whether a text is the key of a call of a function.
pub(crate) fn is_of(text: &str, function: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(name, _)| name == function)
}

/// Whether a text looks like the key of a memoized call, which a function might ask for.
pub(crate) fn is_of_call(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(_, digest)| digest.len() >= 32 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The text of a `#[cached]` key: with the source where it is checked.
pub(crate) fn with_source(site: &'static Site, key: TextKey, checked: bool) -> TextKey {
    if !checked {
        return key;
    }
    let text = key.text.map(|text| format!("{text}:{:032x}", site.source).into());
    TextKey { text, ..key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_that_of_another() {
        let made = ["a b", "é", "\r\n", &"k".repeat(201)].map(|text| fit_text(text).into_owned());
        for text in &made {
            assert!(text.len() <= 200 && text.bytes().all(|b| b.is_ascii_graphic()));
            assert_ne!(fit_text(text), *text, "who writes this does not reach the other's entry");
        }
        for text in ["view//index", "~", "a~b", &"k".repeat(200), &format!("f:{}", "a".repeat(32))] {
            assert_eq!(fit_text(text), text);
        }
        let name = fit("a b".into());
        assert_ne!(fit(name.clone()), name);
    }
}
