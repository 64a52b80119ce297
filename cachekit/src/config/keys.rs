//! The `CACHE_*` keys: which there are, what their values look like, and what to say about those there are not.

use std::path::PathBuf;

use cachekit_backends::{Error, ErrorKind, Result, Timeout};

use super::{Config, backends, duration, entries, url};
use crate::codec;
use crate::key::digest;

/// A key, and what a text under it does to a configuration.
pub(super) type Key = (&'static str, fn(&mut Config, &Setting<'_>) -> Result<()>);

/// Every key that is understood, in groups.
const KNOWN: [&[Key]; 2] = [GENERAL, entries::KEYS];

const GENERAL: &[Key] = &[
    ("CACHE_DEFAULT_TIMEOUT", |config, setting| {
        let timeout = duration::parse(setting.text).ok_or_else(|| setting.bad(duration::EXPECTED))?;
        config.default_timeout = Some(Timeout::from(timeout));
        Ok(())
    }),
    ("CACHE_DIR", |config, setting| {
        let directory = Some(setting.text).filter(|text| !text.is_empty());
        config.directory = Some(PathBuf::from(directory.ok_or_else(|| setting.bad("a path"))?));
        Ok(())
    }),
    ("CACHE_FLIGHT_TIMEOUT", |config, setting| {
        let timeout = duration::parse(setting.text).filter(|timeout| !timeout.is_zero());
        config.flight_timeout =
            Some(timeout.ok_or_else(|| setting.bad("a time above zero, such as 10 or 500ms"))?);
        Ok(())
    }),
    ("CACHE_HASH_METHOD", |config, setting| {
        let method = digest::by_name(setting.text).map_err(|e| e.with_context("key", setting.key))?;
        config.hash_method = Some(method);
        Ok(())
    }),
    ("CACHE_KEY_PREFIX", |config, setting| {
        config.key_prefix = Some(setting.text.to_owned());
        Ok(())
    }),
    ("CACHE_MAX_SIZE", |config, setting| {
        let entries = setting.number().filter(|entries| *entries > 0);
        config.max_size = Some(entries.ok_or_else(|| setting.bad("a number of entries, 1 or more"))?);
        Ok(())
    }),
    ("CACHE_MODE", |config, setting| {
        let digits = setting.text.strip_prefix("0o").unwrap_or(setting.text);
        let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777);
        config.mode =
            Some(mode.ok_or_else(|| setting.bad("an octal file mode up to 0777, such as 0600"))?);
        Ok(())
    }),
    ("CACHE_NO_NULL_WARNING", |config, setting| {
        config.no_null_warning = Some(setting.boolean()?);
        Ok(())
    }),
    ("CACHE_SERIALIZER", |config, setting| {
        config.codec = Some(codec::by_name(setting.text).map_err(|e| e.with_context("key", setting.key))?);
        Ok(())
    }),
    ("CACHE_SOURCE_CHECK", |config, setting| {
        config.source_check = Some(setting.boolean()?);
        Ok(())
    }),
    ("CACHE_THRESHOLD", |config, setting| {
        let entries = setting.number();
        config.threshold =
            Some(entries.ok_or_else(|| setting.bad("a number of entries, 0 for the backend's default"))?);
        Ok(())
    }),
    ("CACHE_TYPE", |config, setting| {
        backends::check(setting.text)?;
        config.backend = Some(setting.text.to_owned());
        Ok(())
    }),
    // A URL replaces what it says, the others one setting each.
    ("CACHE_URL", |config, setting| {
        config.merge_from(url::parse(setting.text)?);
        Ok(())
    }),
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

/// Applies one setting.
pub(super) fn apply(config: &mut Config, key: &str, text: &str) -> Result<()> {
    if let Some((_, apply)) = KNOWN.into_iter().flatten().find(|(known, _)| *known == key) {
        return apply(config, &Setting { key, text });
    }
    if backends::is_option(key) {
        config.options.insert(key.to_owned(), text.to_owned());
        return Ok(());
    }
    Err(unknown(key))
}

/// A key and its text, while they are applied.
pub(super) struct Setting<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

impl Setting<'_> {
    /// The error that the text is not what was expected.
    pub(super) fn bad(&self, expected: &str) -> Error {
        let Self { key, text } = self;
        let message = format!("{key} is {}; expected {expected}", shown(key, text));
        Error::new(ErrorKind::Config, message)
    }

    pub(super) fn number(&self) -> Option<usize> {
        self.text.parse().ok()
    }

    pub(super) fn boolean(&self) -> Result<bool> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.bad("true or false (or 1, 0, yes, no, on, off)")),
        }
    }
}

/// A value as it may appear in an error.
fn shown(key: &str, value: &str) -> String {
    let secret = ["PASSWORD", "SECRET", "USERNAME", "TOKEN", "SEAL_KEYS"].iter().any(|word| key.contains(word));
    if secret || value.contains("://") { "not shown".to_owned() } else { format!("{value:?}") }
}

fn unknown(key: &str) -> Error {
    let mut known: Vec<_> = KNOWN.into_iter().flatten().map(|(known, _)| *known).collect();
    known.sort_unstable();
    let absent = ABSENT
        .iter()
        .find(|(name, _)| if name.ends_with('_') { key.starts_with(name) } else { key == *name });
    let message = if let Some((_, why)) = absent {
        format!("{key} has no meaning here: {why}")
    } else {
        let near = nearest(key, known.iter().copied()).map(|near| format!("; did you mean {near}?"));
        format!("unknown setting {key}{}", near.unwrap_or_default())
    };
    Error::new(ErrorKind::Config, format!("{message}; known are {}", known.join(", ")))
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
