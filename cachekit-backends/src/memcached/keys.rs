//! What an entry is called on the server.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// What all names begin with that are made here, and none that is a user's own key.
const RESERVED: &str = "cachekit:";
/// Where a server's registry is.
pub(super) const REGISTRY: &str = "cachekit:epochs";
/// The longest name a server takes, in bytes.
const LONGEST: usize = 250;
/// How much of a key can still be read in the name made for it.
const READABLE: usize = 100;

/// What the entry under a key is called on the server.
///
/// A key of 1 to 250 bytes from `!` to `~` that does not begin with `cachekit:` is its own name. Any other is called
/// `cachekit:key:`, its SHA-256 in hexadecimal, `:`, and the first of its bytes with `_` for each that a name cannot
/// have. So different keys have different names, and no key has the name of something else.
pub(super) fn name(key: &str) -> Cow<'_, str> {
    let is_plain = (1..=LONGEST).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic())
        && !key.starts_with(RESERVED);
    if is_plain {
        return Cow::Borrowed(key);
    }
    let mut name = format!("{RESERVED}key:");
    push_digest(&mut name, key, 32);
    name.push(':');
    name.extend(
        key.bytes().take(READABLE).map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { '_' }),
    );
    Cow::Owned(name)
}

/// What the parts of a value under a key are called; `generation` belongs to this version of the value alone.
pub(super) fn chunks(key: &str, generation: u128) -> impl Fn(u32) -> String + use<> {
    let mut name = format!("{RESERVED}chunk:");
    push_digest(&mut name, key, 8);
    // Writing to a string cannot fail.
    let _ = write!(name, ":{generation:032x}:");
    move |index| format!("{name}{index}")
}

fn push_digest(name: &mut String, key: &str, bytes: usize) {
    for byte in Sha256::digest(key.as_bytes()).iter().take(bytes) {
        let _ = write!(name, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_the_server_takes_stays_as_it_is() {
        for key in ["a", "!", "~", "flask_cache_view//", "cachekit", "Cachekit:x", &"k".repeat(250)] {
            assert_eq!(name(key), key);
        }
    }

    #[test]
    fn everything_else_becomes_something_it_takes() {
        let long = "k".repeat(251);
        let keys = [
            "",
            " ",
            "a b",
            "a\tb",
            "a\r\nflush_all",
            "\0",
            "\u{7f}",
            "é",
            "日本語",
            "cachekit:epochs",
            &long,
        ];
        for key in keys {
            let name = name(key);
            assert!(
                name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic()),
                "{key:?}: {name:?}"
            );
            assert!(name.starts_with("cachekit:key:"));
        }
        let head = "é".repeat(500);
        assert!(name(&head).len() <= LONGEST);
        let digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(name("cachekit:a b").len(), 13 + 64 + 1 + 12);
        assert_eq!(chunks("a", 0x1f)(3), format!("cachekit:chunk:{}:{:032x}:3", &digest[..16], 0x1f));
    }

    #[test]
    fn different_keys_have_different_names() {
        let long = "k".repeat(300);
        let mut keys: Vec<String> = ["", " ", "_", "  ", "__", "a b", "a_b", "a\nb", "é", "è", "cachekit:a"]
            .map(str::to_owned)
            .into();
        keys.extend(["a", "b", ""].map(|end| format!("{long}{end}")));
        // The name of a key is a key, too.
        keys.extend(keys.clone().iter().map(|key| name(key).into_owned()).collect::<Vec<_>>());
        let keys: HashSet<_> = keys.into_iter().collect();
        let names: HashSet<_> = keys.iter().map(|key| name(key)).collect();
        assert_eq!(names.len(), keys.len());
    }
}
