//! Comma-separated lists of header fields: members, quoted texts, names in any case.

use std::borrow::Cow;

use crate::request::list::{SPACE, split};

/// A member of a list: a name, and what stands behind its `=`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    /// In lower case.
    pub(crate) name: Cow<'a, str>,
    /// Without its quotes.
    pub(crate) value: Option<&'a str>,
}

/// What is wrong with a list that cannot be read; whoever asks it for permission has none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The members of a list. Empty ones are left out; bytes beyond ASCII and open quotes make it unreadable.
pub(crate) fn members(list: &[u8]) -> Result<Vec<Member<'_>>, Unreadable> {
    let text = text(list)?;
    let mut members = Vec::new();
    for part in split(text, ',').ok_or(Unreadable)? {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_matches(SPACE), Some(unquote(value.trim_matches(SPACE)))),
            None => (part, None),
        };
        let is_lower = !name.bytes().any(|b| b.is_ascii_uppercase());
        let name = if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
        members.push(Member { name, value });
    }
    Ok(members)
}

/// Whether a text is a token, as names of fields and directives are.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A field as text, if it is ASCII without controls.
fn text(field: &[u8]) -> Result<&str, Unreadable> {
    let is_plain = field.iter().all(|b| *b == b'\t' || (b' '..=b'~').contains(b));
    is_plain.then(|| std::str::from_utf8(field).ok()).flatten().ok_or(Unreadable)
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<String> {
        members(list.as_bytes())
            .unwrap_or_default()
            .into_iter()
            .map(|member| member.name.into_owned())
            .collect()
    }

    #[test]
    fn members_are_found_whatever_stands_around_them() {
        assert_eq!(names("a,b"), ["a", "b"]);
        assert_eq!(names(" A ,\t,, b=1 ,"), ["a", "b"]);
        assert_eq!(names(r#"a="x, y", b"#), ["a", "b"]);
        assert_eq!(names(r#"a="x \", b", c"#), ["a", "c"]);
        assert!(names("").is_empty());
    }

    #[test]
    fn values_lose_their_quotes() {
        let list = members(br#"max-age="60", s-maxage = 5"#).unwrap_or_default();
        assert_eq!(list.iter().map(|member| member.value).collect::<Vec<_>>(), [Some("60"), Some("5")]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for list in [&b"a=\"b"[..], b"no-store\xff", b"a\0b", b"a\x0bb"] {
            assert_eq!(members(list), Err(Unreadable));
        }
    }
}
