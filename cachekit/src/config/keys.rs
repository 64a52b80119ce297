//! The `CACHE_*` keys: which there are, what their values look like, and what to say about those there are not.

use std::path::PathBuf;

use cachekit_backends::{Error, ErrorKind, Result, Timeout};

use super::{Config, backends, duration, url};
use crate::codec;
use crate::key::digest;

/// Every key that is understood.
const KNOWN: [&str; 13] = [
    "CACHE_DEFAULT_TIMEOUT",
    "CACHE_DIR",
    "CACHE_FLIGHT_TIMEOUT",
    "CACHE_HASH_METHOD",
    "CACHE_KEY_PREFIX",
    "CACHE_MAX_SIZE",
    "CACHE_MODE",
    "CACHE_NO_NULL_WARNING",
    "CACHE_SERIALIZER",
    "CACHE_SOURCE_CHECK",
    "CACHE_THRESHOLD",
    "CACHE_TYPE",
    "CACHE_URL",
];

/// Keys of Flask-Caching that are not understood, and why.
const ABSENT: [(&str, &str); 9] = [
    ("CACHE_ARGS", "every setting has a key of its own"),
    ("CACHE_OPTIONS", "every setting has a key of its own"),
    (
        "CACHE_IGNORE_ERRORS",
        "`delete_many` says for each key whether it was there, and its errors are the caller's to ignore",
    ),
    ("CACHE_ENABLE_SIGNALS", "events are always there for those who subscribe"),
    ("CACHE_FILE_HASH_METHOD", "files are always named by SHA-256"),
    ("CACHE_REDIS_", "this version of cachekit has no Redis backend yet"),
    ("CACHE_MEMCACHED_", "this version of cachekit has no Memcached backend yet"),
    ("CACHE_UWSGI_", "this version of cachekit has no uWSGI backend yet"),
    ("CACHE_GCS_", "cachekit has no Google Cloud Storage backend"),
];

/// Applies one setting. A URL replaces what it says; everything else replaces one setting.
pub(super) fn apply(config: &mut Config, key: &str, value: &str) -> Result<()> {
    let bad = |expected: &str| {
        Error::new(ErrorKind::Config, format!("{key} is {}; expected {expected}", shown(key, value)))
    };
    match key {
        "CACHE_TYPE" => {
            backends::check(value)?;
            config.backend = Some(value.to_owned());
        }
        "CACHE_URL" => config.merge_from(url::parse(value)?),
        "CACHE_DEFAULT_TIMEOUT" => {
            let timeout = duration::parse(value).ok_or_else(|| bad(duration::EXPECTED))?;
            config.default_timeout = Some(Timeout::from(timeout));
        }
        "CACHE_FLIGHT_TIMEOUT" => {
            let timeout = duration::parse(value).filter(|timeout| !timeout.is_zero());
            config.flight_timeout =
                Some(timeout.ok_or_else(|| bad("a time above zero, such as 10 or 500ms"))?);
        }
        "CACHE_THRESHOLD" => {
            let entries =
                value.parse().map_err(|_| bad("a number of entries, 0 for the backend's default"))?;
            config.threshold = Some(entries);
        }
        "CACHE_MAX_SIZE" => {
            let entries = value.parse().ok().filter(|entries| *entries > 0);
            config.max_size = Some(entries.ok_or_else(|| bad("a number of entries, 1 or more"))?);
        }
        "CACHE_KEY_PREFIX" => config.key_prefix = Some(value.to_owned()),
        "CACHE_SOURCE_CHECK" => config.source_check = Some(boolean(value).ok_or_else(|| bad(BOOLEAN))?),
        "CACHE_NO_NULL_WARNING" => config.no_null_warning = Some(boolean(value).ok_or_else(|| bad(BOOLEAN))?),
        "CACHE_HASH_METHOD" => {
            config.hash_method = Some(digest::by_name(value).map_err(|e| e.with_context("key", key))?);
        }
        "CACHE_SERIALIZER" => {
            config.codec = Some(codec::by_name(value).map_err(|e| e.with_context("key", key))?);
        }
        "CACHE_DIR" => {
            let directory = Some(value).filter(|value| !value.is_empty());
            config.directory = Some(PathBuf::from(directory.ok_or_else(|| bad("a path"))?));
        }
        "CACHE_MODE" => {
            let digits = value.strip_prefix("0o").unwrap_or(value);
            let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777);
            config.mode = Some(mode.ok_or_else(|| bad("an octal file mode up to 0777, such as 0600"))?);
        }
        _ if backends::is_option(key) => {
            config.options.insert(key.to_owned(), value.to_owned());
        }
        _ => return Err(unknown(key)),
    }
    Ok(())
}

const BOOLEAN: &str = "true or false (or 1, 0, yes, no, on, off)";

fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A value as it may appear in an error.
fn shown(key: &str, value: &str) -> String {
    let secret = ["PASSWORD", "SECRET", "USERNAME", "TOKEN"].iter().any(|word| key.contains(word));
    if secret || value.contains("://") { "not shown".to_owned() } else { format!("{value:?}") }
}

fn unknown(key: &str) -> Error {
    let absent = ABSENT
        .iter()
        .find(|(name, _)| if name.ends_with('_') { key.starts_with(name) } else { key == *name });
    let message = if let Some((_, why)) = absent {
        format!("{key} has no meaning here: {why}")
    } else {
        let near = nearest(key, KNOWN).map(|near| format!("; did you mean {near}?"));
        format!("unknown setting {key}{}", near.unwrap_or_default())
    };
    Error::new(ErrorKind::Config, format!("{message}; known are {}", KNOWN.join(", ")))
}

/// The known name that an unknown one was probably meant to be.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let near = |candidate: &str| {
        let candidate = candidate.to_ascii_lowercase();
        let begins = name.len() > 2 && candidate.starts_with(&name);
        if begins { 0 } else { distance(name.as_bytes(), candidate.as_bytes()) }
    };
    let (edits, nearest) =
        known.into_iter().map(|known| (near(known), known)).min_by_key(|(edits, _)| *edits)?;
    (edits <= 1 + nearest.len() / 5).then_some(nearest)
}

/// How many bytes must be added, removed or changed to make one of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The key that a short, lower-case name in a URL or a table stands for.
pub(super) fn long(name: &str) -> String {
    match name {
        "timeout" => "CACHE_DEFAULT_TIMEOUT".to_owned(),
        _ => format!("CACHE_{}", name.to_ascii_uppercase()),
    }
}
