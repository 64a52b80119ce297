//! The text of keys: what a call, a function and its stamps are called in a backend.

use std::borrow::Cow;

use cachekit_backends::OwnedKey;

use crate::bytes::envelope;
use crate::cache::Core;
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
    let digest = site.options.hash_method.unwrap_or(core.hash_method);
    let lengths = [site.name().len(), types.name().len()].map(|n| (n as u64).to_le_bytes());
    let source = source(core, site);
    let parts: [&[u8]; 6] =
        [&lengths[0], site.name().as_bytes(), &lengths[1], types.name().as_bytes(), &source, key.as_bytes()];
    format!("{}:{}", function(site), digest(&parts))
}

/// A second digest of the same, for the envelope.
pub(crate) fn second(core: &Core, site: &'static Site, types: Types, key: &OwnedKey) -> u128 {
    let parts: [&[u8]; 4] =
        [site.name().as_bytes(), types.name().as_bytes(), &source(core, site), key.as_bytes()];
    envelope::second_digest(&parts)
}

/// What names an instance: the same for every instantiation of a generic method, so that forgetting it forgets them all.
pub(crate) fn instance(core: &Core, site: &'static Site, receiver: &OwnedKey) -> u128 {
    second(core, site, Types::NONE, receiver)
}

/// What the source of the function adds to its keys: nothing unless it is asked for.
fn source(core: &Core, site: &'static Site) -> Vec<u8> {
    let checked = site.options.source_check.unwrap_or(core.source_check);
    if checked { site.source.to_le_bytes().to_vec() } else { Vec::new() }
}

/// The readable part of a function's keys: its name after `make_name`, made fit for any backend.
pub(crate) fn function(site: &'static Site) -> Cow<'static, str> {
    let name: Cow<'static, str> = match site.options.make_name {
        Some(make) => make(site.name()).into(),
        None => site.name().into(),
    };
    fit(name)
}

/// A name that every backend takes: no spaces, no control characters, not too long. One that had to change keeps a
/// digest of what it was.
fn fit(name: Cow<'static, str>) -> Cow<'static, str> {
    if name.len() <= READABLE && name.bytes().all(|b| b.is_ascii_graphic()) {
        return name;
    }
    let digest = envelope::second_digest(&[name.as_bytes()]);
    let readable: String =
        name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(READABLE - 33).collect();
    format!("{readable}~{digest:032x}").into()
}

/// A text key that every backend takes: as [`fit`], with room for the length that backends allow.
pub(crate) fn fit_text(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 200;
    if text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic()) {
        return text.into();
    }
    let digest = envelope::second_digest(&[text.as_bytes()]);
    let readable: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(LONGEST - 33).collect();
    format!("{readable}~{digest:032x}").into()
}

/// The backend's name for a function's stamp.
pub(crate) fn function_stamp(core: &Core, function: &str) -> String {
    core.backend_key(&format!("{function}:stamp"))
}

/// The backend's name for an instance's stamp.
pub(crate) fn instance_stamp(core: &Core, function: &str, instance: u128) -> String {
    core.backend_key(&format!("{function}:{instance:032x}:stamp"))
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
    TextKey(key.0.map(|text| format!("{text}:{:032x}", site.source).into()))
}
