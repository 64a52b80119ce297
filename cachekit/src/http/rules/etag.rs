//! Entity tags: made from a body, and compared with what a client has.

use super::Fields;
use crate::key::digest::md5;
use crate::request::list::split;

/// A strong tag of a body: 32 digits between quotes.
pub(crate) fn of_body(body: &[u8]) -> String {
    format!("\"{}\"", md5(&[body]))
}

/// Whether `If-None-Match` names a tag, compared weakly: `W/` does not count. `None` without the field.
///
/// A list that cannot be read names nothing, so that the client gets the whole body.
pub(crate) fn none_match(request: &(impl Fields + ?Sized), tag: Option<&[u8]>) -> Option<bool> {
    let list = request.joined("if-none-match")?;
    let Ok(list) = std::str::from_utf8(&list) else { return Some(false) };
    let Some(members) = split(list, ',') else { return Some(false) };
    let Some(tag) = tag.and_then(|tag| std::str::from_utf8(tag).ok()) else {
        return Some(members == ["*"]);
    };
    let tag = opaque(tag);
    Some(members == ["*"] || members.iter().any(|member| tag.is_some() && opaque(member) == tag))
}

/// A tag without its mark of weakness, if it is one.
fn opaque(tag: &str) -> Option<&str> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    (tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"')).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::Lines;
    use super::*;

    fn matches(field: &str, tag: &str) -> Option<bool> {
        none_match(&Lines(&[("If-None-Match", field)]), Some(tag.as_bytes()))
    }

    #[test]
    fn a_list_names_tags_weakly_compared() {
        for field in [r#""a""#, r#"W/"a""#, r#""b", "a""#, r#""b",W/"a" ,"#, "*", r#""x,y", "a""#] {
            assert_eq!(matches(field, r#""a""#), Some(true), "{field}");
            assert_eq!(matches(field, r#"W/"a""#), Some(true), "{field}");
        }
        for field in [r#""A""#, "a", "\"a", "", r#"w/"a""#, r#""b, "a""#, r#""b", *"#, "\u{e9}"] {
            assert_eq!(matches(field, r#""a""#), Some(false), "{field}");
        }
        assert_eq!(none_match(&Lines(&[]), Some(b"\"a\"")), None);
        let two = Lines(&[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")]);
        assert_eq!(none_match(&two, Some(b"\"a\"")), Some(true));
    }

    #[test]
    fn tags_are_those_of_the_body() {
        assert_eq!(of_body(b"a"), of_body(b"a"));
        assert_ne!(of_body(b"a"), of_body(b"b"));
        assert_eq!(of_body(b"").len(), 34);
    }
}
