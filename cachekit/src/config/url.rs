//! A cache as one line: `simple://?threshold=1000&timeout=60`, `redis://user:password@host:6379/0?key_prefix=app:`.

use cachekit_backends::{Error, ErrorKind, Result};

#[cfg(feature = "redis")]
pub(super) use super::network::urls::redis::place as redis_place;
use super::{Config, backends, keys};

const EXAMPLES: &str = "simple://?threshold=1000&timeout=60, filesystem:///path?mode=0600, \
    redis://user:password@host:6379/0, redis+unix:///path?db=1, redis+sentinel://host:26379,host:26379/mymaster, \
    redis+cluster://host:6379,host:6379, rediss:// and so on for TLS, memcached://host:11211,host:11211, \
    memcached+sasl://user:password@host:11211, memcached+spread://host:11211, uwsgi://name@host:3031, null://";

/// Schemes and the types they stand for.
const SCHEMES: [(&str, &str); 14] = [
    ("null", "NullCache"),
    ("simple", "SimpleCache"),
    ("filesystem", "FileSystemCache"),
    ("redis", "RedisCache"),
    ("rediss", "RedisCache"),
    ("redis+unix", "RedisCache"),
    ("redis+sentinel", "RedisSentinelCache"),
    ("rediss+sentinel", "RedisSentinelCache"),
    ("redis+cluster", "RedisClusterCache"),
    ("rediss+cluster", "RedisClusterCache"),
    ("memcached", "MemcachedCache"),
    ("memcached+sasl", "SASLMemcachedCache"),
    ("memcached+spread", "SpreadSASLMemcachedCache"),
    ("uwsgi", "UWSGICache"),
];

/// Parameters that not all schemes have: a part of the schemes that have it, its name, its key.
const PARAMETERS: [(&str, &str, &str); 14] = [
    ("redis", "db", "CACHE_REDIS_DB"),
    ("redis", "username", "CACHE_REDIS_USERNAME"),
    ("redis", "password", "CACHE_REDIS_PASSWORD"),
    ("sentinel", "sentinel_username", "CACHE_REDIS_SENTINEL_USERNAME"),
    ("sentinel", "sentinel_password", "CACHE_REDIS_SENTINEL_PASSWORD"),
    ("rediss", "ca_certs", "CACHE_REDIS_SSL_CA_CERTS"),
    ("rediss", "certfile", "CACHE_REDIS_SSL_CERTFILE"),
    ("rediss", "keyfile", "CACHE_REDIS_SSL_KEYFILE"),
    ("memcached+", "username", "CACHE_MEMCACHED_USERNAME"),
    ("memcached+", "password", "CACHE_MEMCACHED_PASSWORD"),
    ("memcached", "max_value_size", "CACHE_MEMCACHED_MAX_VALUE_SIZE"),
    ("spread", "chunk_size", "CACHE_MEMCACHED_CHUNK_SIZE"),
    ("spread", "max_chunks", "CACHE_MEMCACHED_MAX_CHUNKS"),
    ("uwsgi", "max_value_size", "CACHE_UWSGI_MAX_VALUE_SIZE"),
];

/// Parses a URL. Errors never show more of it than the scheme and the names of known parameters: in a URL that is not
/// written as it must be, any other part may be one of a password.
pub(super) fn parse(url: &str) -> Result<Config> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| bad(format!("a cache URL looks like one of {EXAMPLES}")))?;
    let Some((_, name)) = SCHEMES.iter().find(|(known, _)| *known == scheme) else {
        return Err(unknown_scheme(scheme));
    };
    if let Some(feature) = backends::missing_feature(name) {
        return Err(bad(format!("{scheme}:// needs the feature `{feature}` of cachekit")));
    }
    if rest.contains('#') {
        return Err(bad("a cache URL has no fragment; write %23 for `#`"));
    }
    let mut config = Config::new();
    config.is_by_url = true;
    config.set_in_place("CACHE_TYPE", name)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    match scheme {
        "filesystem" => {
            if !place.starts_with('/') {
                return Err(bad("filesystem:// is followed by an absolute path: filesystem:///path"));
            }
            config.set_in_place("CACHE_DIR", &decode(place)?)?;
        }
        "null" | "simple" if matches!(place, "" | "/") => {}
        "null" | "simple" => {
            return Err(bad(format!("{scheme}:// takes neither a host nor a path, only parameters")));
        }
        #[cfg(any(feature = "redis", feature = "memcached", feature = "uwsgi"))]
        _ => super::network::urls::locate(&mut config, scheme, place)?,
        #[cfg(not(any(feature = "redis", feature = "memcached", feature = "uwsgi")))]
        _ => {}
    }
    apply(&mut config, scheme, query)?;
    Ok(config)
}

/// Applies the parameters.
fn apply(config: &mut Config, scheme: &str, query: &str) -> Result<()> {
    let own = PARAMETERS.iter().filter(|(part, ..)| scheme.contains(part));
    let known: Vec<(String, String)> = keys::parameters()
        .map(|name| (keys::long(&name), name))
        .chain(own.map(|(_, name, key)| ((*key).to_owned(), (*name).to_owned())))
        .collect();
    let mut seen: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if matches!(name.as_str(), "type" | "url" | "dir") {
            return Err(bad(format!("the parameter {name} is given by the URL itself")));
        }
        let long = keys::long(&name);
        let Some((key, name)) = known.iter().find(|(key, known)| name == *known || long == *key) else {
            return Err(unknown_parameter(&name, &known));
        };
        if seen.contains(&key.as_str()) {
            return Err(bad(format!("the parameter {name} is given twice")));
        }
        seen.push(key);
        keys::apply_hidden(config, key, &value).map_err(|e| e.with_context("parameter of the URL", name))?;
    }
    Ok(())
}

fn unknown_scheme(scheme: &str) -> Error {
    let near = keys::nearest(scheme, SCHEMES.iter().map(|(known, _)| *known));
    let near = near.map(|near| format!("; did you mean {near}://?")).unwrap_or_default();
    // What stands before `://` in something that is no URL may be a secret: only what looks like a scheme is shown.
    let looks_like_one =
        scheme.len() <= 20 && scheme.bytes().all(|b| b.is_ascii_alphabetic() || b"+-.".contains(&b));
    let shown = if looks_like_one { format!("{scheme}://") } else { "what stands before ://".to_owned() };
    bad(format!("no backend has the scheme {shown}{near}; a cache URL looks like one of {EXAMPLES}"))
}

fn unknown_parameter(name: &str, known: &[(String, String)]) -> Error {
    let mut names: Vec<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    let near = keys::nearest(name, names.iter().copied()).map(|near| format!(" (did you mean {near}?)"));
    let near = near.unwrap_or_default();
    bad(format!("the URL has a parameter that is not known{near}; known are {}", names.join(", ")))
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// Replaces every `%xx` by its byte. `+` is itself.
pub(super) fn decode(text: &str) -> Result<String> {
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

    #[test]
    fn every_parameter_has_a_key() {
        for (part, name, key) in PARAMETERS {
            assert!(SCHEMES.iter().any(|(scheme, _)| scheme.contains(part)), "{part}");
            assert!(key.to_ascii_lowercase().ends_with(name), "{name} {key}");
        }
    }
}
