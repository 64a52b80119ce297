//! What a request adds to the key of a `#[cached]` function.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::RequestContext;
use super::preferences::normalized;

/// A piece of the template of a key.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A text as it is.
    Text(Cow<'static, str>),
    /// The path of the request.
    Path,
    /// Its method; `GET` also for `HEAD`.
    Method,
    /// Its host.
    Host,
    /// The pairs of its query, sorted.
    Query,
    /// All values of one name in its query, sorted.
    Parameter(&'static str),
    /// A header field or a cookie.
    Of(Vary),
}

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

/// What a request says of something: nothing where it has none, an error where it does not tell.
pub(super) type Told<'a> = Result<Option<Cow<'a, str>>, Unknown>;

/// It is not known what the request says.
#[derive(Debug)]
pub(super) struct Unknown;

/// The most characters of a value that are shown in a key; the digest has it whole.
const SHOWN: usize = 40;

/// The text of a key: the template filled in, the method behind a path unless it is `GET` or `HEAD`, the query where it
/// counts, and what else the value varies by; `None` outside a request that is needed.
///
/// And whether the call is served what others stored and stores nothing itself: one for a `HEAD`, whose answer may lack
/// what a `GET` wants.
pub(crate) fn key_text(
    template: &mut [Piece],
    query: bool,
    vary: &[Vary],
    digest: impl Fn(&[&[u8]]) -> String,
) -> Option<(Cow<'static, str>, bool)> {
    if let [Piece::Text(whole)] = template
        && !query
        && vary.is_empty()
    {
        return Some((std::mem::take(whole), false));
    }
    let request = RequestContext::current();
    let request = request.as_ref();
    let has = |piece: fn(&Piece) -> bool| template.iter().any(piece);
    let (by_path, by_method) =
        (has(|piece| matches!(piece, Piece::Path)), has(|piece| matches!(piece, Piece::Method)));
    let method = request.map_or("", RequestContext::method);
    let mut text = String::new();
    for piece in &*template {
        match piece {
            Piece::Text(own) => text.push_str(own),
            Piece::Path => text.push_str(request?.path()),
            other => show(&mut text, other.readable(request?).ok()?.as_deref()),
        }
    }
    if by_path && !by_method && !matches!(method, "GET" | "HEAD") {
        text.push('#');
        text.push_str(method);
    }
    if query {
        text.push('?');
        text.push_str(&digest(&[canonical(&sorted(request?.query_pairs())).as_bytes()]));
    }
    // A path alone cannot be taken for anything else, but where two values meet nobody knows where one ends.
    let is_told = has(|piece| !matches!(piece, Piece::Text(_) | Piece::Path));
    if is_told || !vary.is_empty() {
        let mut values = String::new();
        for piece in template.iter().filter(|_| is_told) {
            let value = match piece {
                Piece::Text(own) => Some(Cow::Borrowed(&**own)),
                other => other.value(request?).ok()?,
            };
            tell(&mut values, value.as_deref());
        }
        for by in vary {
            tell(&mut values, by.value(request).ok()?.as_deref());
        }
        text.push(';');
        text.push_str(&digest(&[values.as_bytes()]));
    }
    Some((Cow::Owned(text), (by_path || by_method) && method == "HEAD"))
}

impl Piece {
    /// What it is in a request.
    fn value<'a>(&'a self, request: &'a RequestContext) -> Told<'a> {
        Ok(match self {
            Self::Text(own) => Some(Cow::Borrowed(own)),
            Self::Path => Some(Cow::Borrowed(request.path())),
            Self::Method => Some(Cow::Borrowed(match request.method() {
                "HEAD" => "GET",
                method => method,
            })),
            Self::Host => return request.host_as_key(),
            Self::Query => Some(canonical(&sorted(request.query_pairs())).into()),
            Self::Parameter(name) => {
                let values = values_of(request, name);
                (!values.is_empty()).then(|| canonical(&values).into())
            }
            Self::Of(by) => return by.value(Some(request)),
        })
    }

    /// The same for people, who may take it for something else.
    fn readable<'a>(&'a self, request: &'a RequestContext) -> Told<'a> {
        let join = |pairs: Vec<(&str, &str)>, with: &str, between: &str| {
            let parts: Vec<String> =
                pairs.into_iter().map(|(name, value)| format!("{name}{with}{value}")).collect();
            Ok(Some(parts.join(between).into()))
        };
        match self {
            Self::Query => join(sorted(request.query_pairs()), "=", "&"),
            Self::Parameter(name) => join(values_of(request, name), "", ","),
            other => other.value(request),
        }
    }
}

impl Vary {
    /// What a request, or a function, says of it.
    fn value<'a>(&'a self, request: Option<&'a RequestContext>) -> Told<'a> {
        let request = request.ok_or(Unknown);
        Ok(match self {
            Self::Header(name) => {
                let fields = &request?.inner.fields;
                if !fields.knows(name) {
                    return Err(Unknown);
                }
                fields.joined(name).map(|value| normalized(&name.to_ascii_lowercase(), &value).into())
            }
            Self::Cookie(name) => {
                let request = request?;
                if !request.inner.fields.knows("cookie") {
                    return Err(Unknown);
                }
                request.cookie(name).map(Cow::Borrowed)
            }
            Self::Text(text) => Some(Cow::Borrowed(text)),
        })
    }
}

fn sorted(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let mut sorted: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    sorted.sort_unstable();
    sorted
}

/// The values of a name in the query, sorted, without the name.
fn values_of<'a>(request: &'a RequestContext, name: &str) -> Vec<(&'a str, &'a str)> {
    let own = request.query_pairs().iter().filter(|(own, _)| own == name);
    let mut values: Vec<_> = own.map(|(_, value)| ("", &**value)).collect();
    values.sort_unstable();
    values
}

/// Pairs as a text that no other pairs have: each part with its length.
fn canonical(pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}:{name}={}:{value}&", name.len(), value.len());
        text
    })
}

/// Adds a value to a text that no other values have.
fn tell(text: &mut String, value: Option<&str>) {
    // Writing to a String cannot fail.
    let _ = match value {
        Some(value) => write!(text, "{}:{value}&", value.len()),
        None => write!(text, "&"),
    };
}

/// Adds the readable part of a value to a key.
fn show(text: &mut String, value: Option<&str>) {
    let graphic = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    text.extend(value.unwrap_or_default().chars().take(SHOWN).map(graphic));
}
