//! What a request adds to the key of a `#[cached]` function.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::RequestContext;
use super::preferences::normalized;

/// Something beside path and query that a `#[cached]` function's value varies by.
#[derive(Clone, Debug)]
pub enum Vary {
    /// A header field.
    Header(&'static str),
    /// A cookie.
    Cookie(&'static str),
    /// What a function of the user's says.
    Text(String),
}

/// The text of a key: the prefix with `%s` as the path, the method unless it is `GET` or `HEAD`, the query where it
/// counts, and what else the value varies by; `None` outside a request that is needed.
///
/// And whether the call is served what others stored and stores nothing itself: one for a `HEAD`, whose answer may lack
/// what a `GET` wants.
pub(crate) fn key_text(
    prefix: Cow<'static, str>,
    query: bool,
    vary: &[Vary],
    digest: impl Fn(&[&[u8]]) -> String,
) -> Option<(Cow<'static, str>, bool)> {
    let by_path = prefix.contains("%s");
    if !by_path && !query && vary.is_empty() {
        return Some((prefix, false));
    }
    let request = RequestContext::current();
    let reads_only = by_path && request.as_ref().is_some_and(|request| request.method() == "HEAD");
    let mut text = prefix.into_owned();
    if by_path {
        let request = request.as_ref()?;
        text = text.replacen("%s", request.path(), 1);
        if !matches!(request.method(), "GET" | "HEAD") {
            text.push('#');
            text.push_str(request.method());
        }
    }
    if query {
        let mut pairs = request.as_ref()?.query_pairs().to_vec();
        pairs.sort();
        text.push('?');
        text.push_str(&digest(&[canonical(&pairs).as_bytes()]));
    }
    if !vary.is_empty() {
        text.push(';');
        text.push_str(&digest(&[values(request.as_ref(), vary)?.as_bytes()]));
    }
    Some((Cow::Owned(text), reads_only))
}

/// Pairs as a text that no other pairs have: each part with its length.
fn canonical(pairs: &[(String, String)]) -> String {
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}:{name}={}:{value}&", name.len(), value.len());
        text
    })
}

/// What a value varies by, as a text that no other values have; `None` where the request does not tell.
fn values(request: Option<&RequestContext>, vary: &[Vary]) -> Option<String> {
    let mut text = String::new();
    for by in vary {
        let value: Option<Cow<'_, str>> = match by {
            Vary::Header(name) => {
                let fields = &request?.inner.fields;
                if !fields.knows(name) {
                    return None;
                }
                fields.joined(name).map(|value| normalized(&name.to_ascii_lowercase(), &value).into())
            }
            Vary::Cookie(name) => {
                let request = request?;
                if !request.inner.fields.knows("cookie") {
                    return None;
                }
                request.cookie(name).map(Cow::Borrowed)
            }
            Vary::Text(text) => Some(Cow::Borrowed(text)),
        };
        // Writing to a String cannot fail.
        let _ = match value {
            Some(value) => write!(text, "{}:{value}&", value.len()),
            None => write!(text, "&"),
        };
    }
    Some(text)
}
