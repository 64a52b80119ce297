//! `Cache-Status`, by RFC 9211: what became of a request.

use std::fmt;

use super::list::is_token;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered from the cache; how long the answer stays fresh, in seconds.
    Hit { ttl: Option<i64> },
    /// Answered by the service.
    Forward { why: Forward, stored: bool },
    /// Not in the cache, and the client wanted nothing else.
    NotCached,
}

/// Why a request went to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// The cache has nothing to do with such requests.
    Bypass,
    /// Another method than `GET` and `HEAD`.
    Method,
    /// Nothing is stored for this path and query.
    UriMiss,
    /// Something is, but not for these request fields.
    VaryMiss,
    /// What is stored is too old.
    Stale,
    /// The request asked for it.
    Request,
}

/// The member that a cache of a name adds to the list.
pub(crate) struct Member<'a>(pub(crate) &'a str, pub(crate) Outcome);

impl fmt::Display for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, outcome) = self;
        write_name(f, name)?;
        match outcome {
            Outcome::Hit { ttl: Some(ttl) } => write!(f, "; hit; ttl={ttl}"),
            Outcome::Hit { ttl: None } => write!(f, "; hit"),
            Outcome::Forward { why, stored } => {
                let why = match why {
                    Forward::Bypass => "bypass",
                    Forward::Method => "method",
                    Forward::UriMiss => "uri-miss",
                    Forward::VaryMiss => "vary-miss",
                    Forward::Stale => "stale",
                    Forward::Request => "request",
                };
                write!(f, "; fwd={why}{}", if *stored { "; stored" } else { "" })
            }
            Outcome::NotCached => write!(f, "; detail=only-if-cached"),
        }
    }
}

/// A name as a token of structured fields, or between quotes.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*')
        && name.split([':', '/']).all(|part| part.is_empty() || is_token(part))
    {
        return f.write_str(name);
    }
    f.write_str("\"")?;
    for c in name.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            ' '..='~' => write!(f, "{c}")?,
            _ => f.write_str("?")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_as_the_rfc_has_them() {
        let text = |outcome| Member("pages", outcome).to_string();
        assert_eq!(text(Outcome::Hit { ttl: Some(-3) }), "pages; hit; ttl=-3");
        assert_eq!(text(Outcome::Hit { ttl: None }), "pages; hit");
        assert_eq!(
            text(Outcome::Forward { why: Forward::UriMiss, stored: true }),
            "pages; fwd=uri-miss; stored"
        );
        assert_eq!(text(Outcome::Forward { why: Forward::Bypass, stored: false }), "pages; fwd=bypass");
    }

    #[test]
    fn a_name_cannot_say_more_than_a_name() {
        let text = |name| Member(name, Outcome::NotCached).to_string();
        assert_eq!(text("shop:pages/1"), "shop:pages/1; detail=only-if-cached");
        assert_eq!(text("our pages; hit"), "\"our pages; hit\"; detail=only-if-cached");
        assert_eq!(text("a\"\\\u{e9}\n"), "\"a\\\"\\\\??\"; detail=only-if-cached");
        assert_eq!(text("1"), "\"1\"; detail=only-if-cached");
    }
}
