//! `Vary`, and the request fields it names in a form that does not depend on how they were written.

use super::Fields;
use super::list::{is_token, members};
use crate::request::preferences::normalized;

/// The most names that a response may vary by; one that names more is not stored.
pub(crate) const NAMES: usize = 8;

/// The most bytes of all the values together; a request that brings more is not stored.
const VALUES: usize = 2048;

/// What a response varies by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vary {
    /// Fields, in lower case, sorted, none twice; nothing if there are none.
    By(Vec<String>),
    /// `*`, or what cannot be read or names too much: by anything.
    Everything,
}

impl Vary {
    /// Reads all lines of `Vary`.
    pub(crate) fn of(response: &(impl Fields + ?Sized)) -> Self {
        let Some(list) = response.joined("vary") else { return Self::By(Vec::new()) };
        let Ok(members) = members(&list) else { return Self::Everything };
        if members
            .iter()
            .any(|member| member.name == "*" || member.value.is_some() || !is_token(&member.name))
        {
            return Self::Everything;
        }
        let mut names: Vec<String> = members.into_iter().map(|member| member.name.into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > NAMES { Self::Everything } else { Self::By(names) }
    }
}

/// How a field is simplified before it is compared: fewer different values are fewer entries.
pub(crate) trait Normalize {
    /// The simplified value, where there is a rule of one's own for the field.
    fn own(&self, name: &str, value: &str) -> Option<String>;
}

/// What a request says in the named fields, as a text that no other request has that differs in them; `None` if that is
/// more than a key should hold.
pub(crate) fn values(
    request: &(impl Fields + ?Sized),
    names: &[String],
    rules: &impl Normalize,
) -> Option<String> {
    use std::fmt::Write as _;
    let mut text = String::new();
    for name in names {
        let joined = request.joined(name);
        let value = joined.as_ref().map(|bytes| match std::str::from_utf8(bytes) {
            Ok(value) => rules.own(name, value).unwrap_or_else(|| normalized(name, value)),
            // Written as it is, in a form that no text has.
            Err(_) => format!("\0{bytes:?}"),
        });
        // Writing to a String cannot fail.
        let _ = match value {
            Some(value) => write!(text, "{name}={}:{value}&", value.len()),
            None => write!(text, "{name}&"),
        };
        if text.len() > VALUES {
            return None;
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::Lines;
    use super::*;

    struct Plain;
    impl Normalize for Plain {
        fn own(&self, _: &str, _: &str) -> Option<String> {
            None
        }
    }

    fn vary(lines: &[&str]) -> Vary {
        let lines: Vec<_> = lines.iter().map(|line| ("Vary", *line)).collect();
        Vary::of(&Lines(&lines))
    }

    fn by(names: &[&str]) -> Vary {
        Vary::By(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn names_are_read_in_any_case_order_and_line() {
        assert_eq!(vary(&[]), by(&[]));
        assert_eq!(vary(&["Cookie, ACCEPT-encoding"]), by(&["accept-encoding", "cookie"]));
        assert_eq!(vary(&["cookie", "Cookie ,, accept"]), by(&["accept", "cookie"]));
    }

    #[test]
    fn a_star_anywhere_is_everything() {
        let many: Vec<String> = (0..=NAMES).map(|number| format!("x-{number}")).collect();
        for lines in [
            &["*"][..],
            &["Cookie, *"],
            &["*, Cookie"],
            &["cookie", " * "],
            &["a b"],
            &["a=b"],
            &["\"*"],
            &[&many.join(",")],
        ] {
            assert_eq!(vary(lines), Vary::Everything, "{lines:?}");
        }
    }

    fn value(name: &str, value: &str) -> Option<String> {
        values(&Lines(&[(name, value)]), &[name.to_owned()], &Plain)
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        for (name, one, other) in [
            ("accept-encoding", "gzip, br", "BR,gzip"),
            ("accept-encoding", "gzip;q=0.9, br;q=1.0", "gzip , br"),
            ("accept-language", "de, en;q=0.5", "DE,en ; q=0.5"),
            ("accept-language", "en;q=0.5,de", "de, en;q=0.500"),
            ("x-theme", " dark", "dark "),
        ] {
            assert_eq!(value(name, one), value(name, other), "{name}: {one} and {other}");
        }
        for (name, one, other) in [
            ("accept-encoding", "gzip", "gzip, br"),
            ("accept-encoding", "gzip, br;q=0", "gzip, br"),
            ("accept-encoding", "gzip;q=0", "gzip"),
            ("accept-language", "de, en;q=0.5", "en, de;q=0.5"),
            ("x-theme", "dark", "Dark"),
            ("cookie", "a=1", "a=2"),
        ] {
            assert_ne!(value(name, one), value(name, other), "{name}: {one} and {other}");
        }
    }

    #[test]
    fn no_two_sets_of_values_are_one_text() {
        let names = ["a".to_owned(), "b".to_owned()];
        let text = |fields: &[(&str, &str)]| values(&Lines(fields), &names, &Plain);
        let different = [
            text(&[("a", "1"), ("b", "2")]),
            text(&[("a", "1&b=1:2")]),
            text(&[("a", "1")]),
            text(&[("a", "")]),
            text(&[("b", "1")]),
            text(&[]),
        ];
        for (index, one) in different.iter().enumerate() {
            assert!(one.is_some() && !different[..index].contains(one), "{one:?}");
        }
        assert_eq!(text(&[("a", &"x".repeat(VALUES))]), None);
    }
}
