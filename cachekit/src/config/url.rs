//! A cache as one line: `simple://?threshold=1000&timeout=60`, `filesystem:///var/cache/app?mode=0600`.

use cachekit_backends::{Error, ErrorKind, Result};

use super::{Config, keys};

const KNOWN: &str = "null://, simple://?threshold=1000&timeout=60 and filesystem:///path?mode=0600";

/// Schemes that later versions will give a meaning.
const LATER: [&str; 8] = [
    "redis",
    "rediss",
    "redis+sentinel",
    "redis+cluster",
    "memcached",
    "memcached+sasl",
    "memcached+spread",
    "uwsgi",
];

/// Parses a URL. Errors never show more of it than the scheme and the names of parameters.
pub(super) fn parse(url: &str) -> Result<Config> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| bad(format!("a cache URL looks like {KNOWN}")))?;
    if rest.contains('#') {
        return Err(bad("a cache URL has no fragment; write %23 for `#`"));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut config = Config::new();
    match scheme {
        "null" => config.set_in_place("CACHE_TYPE", "NullCache")?,
        "simple" => config.set_in_place("CACHE_TYPE", "SimpleCache")?,
        "filesystem" => {
            config.set_in_place("CACHE_TYPE", "FileSystemCache")?;
            if !place.starts_with('/') {
                return Err(bad("filesystem:// is followed by an absolute path: filesystem:///path"));
            }
            config.set_in_place("CACHE_DIR", &decode(place)?)?;
        }
        _ if LATER.contains(&scheme) => {
            return Err(bad(format!("this version of cachekit has no {scheme}:// yet; known are {KNOWN}")));
        }
        // What stands before `://` in something that is no URL may be a secret: only what looks like a scheme is shown.
        _ if scheme.len() <= 32
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) =>
        {
            return Err(bad(format!("no backend has the scheme {scheme}://; known are {KNOWN}")));
        }
        _ => return Err(bad(format!("a cache URL looks like {KNOWN}"))),
    }
    if scheme != "filesystem" && !matches!(place, "" | "/") {
        return Err(bad(format!("{scheme}:// takes neither a host nor a path, only parameters")));
    }
    let mut seen: Vec<String> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if matches!(name.as_str(), "type" | "url" | "dir") {
            return Err(bad(format!("the parameter {name} is given by the URL itself")));
        }
        let key = keys::long(&name);
        config.set_in_place(&key, &value).map_err(|e| e.with_context("parameter of the URL", &name))?;
        if seen.contains(&key) {
            return Err(bad(format!("the parameter {name} is given twice")));
        }
        seen.push(key);
    }
    Ok(config)
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// Replaces every `%xx` by its byte. `+` is itself.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
            let value = digit(rest.next()).zip(digit(rest.next())).map(|(high, low)| high * 16 + low);
            let value = value.and_then(|value| u8::try_from(value).ok());
            value.ok_or_else(|| {
                bad("in a cache URL, `%` is followed by two hexadecimal digits; write %25 for `%`")
            })?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).map_err(|_| bad("a cache URL is UTF-8, also behind its %xx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_sequences_become_bytes() {
        assert_eq!(decode("a%20b%2Fc%c3%A9+").ok().as_deref(), Some("a b/cé+"));
        assert_eq!(decode("plain").ok().as_deref(), Some("plain"));
    }

    #[test]
    fn broken_percent_sequences_are_errors() {
        for text in ["%", "%1", "%g1", "%+1", "100%", "%ff", "%é"] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }
}
