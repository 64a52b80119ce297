//! Templates of keys: what of the request stands in the text of a `key_prefix`.

use syn::{Error, LitStr, Result};

use super::vary::is_field_name;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A format string: a text, with parameters perhaps.
    Text(String),
    /// `%s` or `{request.path}`.
    Path,
    Method,
    Host,
    Query,
    /// `{request.query.page}`.
    Parameter(String),
    /// `{request.header.accept-language}`.
    Header(String),
    /// `{request.cookie.theme}`.
    Cookie(String),
}

/// What a placeholder of the request begins with; no parameter of a function is called so.
pub(crate) const REQUEST: &str = "request.";

const KNOWN: &str = "`{request.path}` (or `%s`), `{request.method}`, `{request.host}`, `{request.query}`, \
                     `{request.query.NAME}`, `{request.header.NAME}` and `{request.cookie.NAME}`";

/// The pieces of a template, in order.
pub(crate) fn pieces(template: &LitStr) -> Result<Vec<Piece>> {
    let fail = |message: String| Error::new(template.span(), message);
    let whole = template.value();
    let (mut pieces, mut text) = (Vec::new(), String::new());
    let mut rest = &*whole;
    while let Some(at) = rest.find(['%', '{', '}']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let length = special(from);
        let (own, behind) = from.split_at(length);
        rest = behind;
        let piece = if own == "%s" {
            Piece::Path
        } else if let Some(named) = of_request(own) {
            let named = named
                .strip_suffix('}')
                .ok_or_else(|| fail(format!("`{own}` has no end; write `}}` behind its name")))?;
            placeholder(named.trim_end()).map_err(fail)?
        } else {
            // What stands in other braces is the formatter's.
            text.push_str(own);
            continue;
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece);
    }
    text.push_str(rest);
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// How much of a text that begins with `%`, `{` or `}` belongs together.
fn special(text: &str) -> usize {
    if ["%s", "{{", "}}"].iter().any(|own| text.starts_with(own)) {
        2
    } else if text.starts_with('{') {
        text.find('}').map_or(text.len(), |end| end + 1)
    } else {
        1
    }
}

/// What stands behind `{request.`.
fn of_request(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.trim_start().strip_prefix(REQUEST)
}

/// What is named behind `request.`.
fn placeholder(named: &str) -> std::result::Result<Piece, String> {
    let (what, name) = named.split_once('.').map_or((named, None), |(what, name)| (what, Some(name)));
    let of_token = |name: &str, example: &str| {
        let wants = || {
            format!(
                "`{{request.{named}}}` names nothing that there could be; expected `{{request.{what}.{example}}}`"
            )
        };
        is_field_name(name).then(|| name.to_owned()).ok_or_else(wants)
    };
    Ok(match (what, name) {
        ("path", None) => Piece::Path,
        ("method", None) => Piece::Method,
        ("host", None) => Piece::Host,
        ("query", None) => Piece::Query,
        ("query", Some(name)) if !name.is_empty() => Piece::Parameter(name.to_owned()),
        ("header", Some(name)) => Piece::Header(of_token(name, "accept-language")?.to_ascii_lowercase()),
        ("cookie", Some(name)) => Piece::Cookie(of_token(name, "theme")?),
        _ => return Err(format!("`{{request.{named}}}` is not known of a request; there are {KNOWN}")),
    })
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn read(template: &str) -> std::result::Result<Vec<Piece>, String> {
        pieces(&LitStr::new(template, Span::call_site())).map_err(|error| error.to_string())
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn a_template_is_read_in_its_order() {
        assert_eq!(read("view/%s"), Ok(vec![text("view/"), Piece::Path]));
        assert_eq!(read("100%"), Ok(vec![text("100%")]));
        assert_eq!(read("p%d {{%s}}"), Ok(vec![text("p%d {{"), Piece::Path, text("}}")]));
        assert_eq!(read(""), Ok(vec![text("")]));
        assert_eq!(
            read("{id:>4}{request.method}{ request.header.X-A }{{request.path}}"),
            Ok(vec![
                text("{id:>4}"),
                Piece::Method,
                Piece::Header("x-a".to_owned()),
                text("{{request.path}}")
            ])
        );
        assert_eq!(
            read("{request.query}{request.query.a[b]}{request.cookie.Theme}{request.host}{request.path}"),
            Ok(vec![
                Piece::Query,
                Piece::Parameter("a[b]".to_owned()),
                Piece::Cookie("Theme".to_owned()),
                Piece::Host,
                Piece::Path
            ])
        );
    }

    #[test]
    fn what_is_not_known_is_said() {
        for template in [
            "{request.}",
            "{request.body}",
            "{request.method.x}",
            "{request.header}",
            "{request.header.}",
            "{request.header.a b}",
            "{request.header.x:>4}",
            "{request.cookie.}",
            "{request.query.}",
            "{request.path",
        ] {
            assert!(read(template).is_err(), "{template}");
        }
    }
}
