//! The `CACHE_*` keys: which there are, what their values look like, and what to say about those there are not.

use std::path::PathBuf;

use cachekit_backends::{Error, ErrorKind, Result, Timeout};

#[cfg(feature = "network")]
use super::network;
use super::{Config, backends, duration, entries, url};
use crate::codec;
use crate::key::digest;

/// A key, and what a text under it does to a configuration.
pub(super) type Key = (&'static str, fn(&mut Config, &Setting<'_>) -> Result<()>);

/// Every key that is understood, in groups.
const KNOWN: &[&[Key]] = &[
    GENERAL,
    entries::KEYS,
    #[cfg(feature = "network")]
    network::KEYS,
    #[cfg(feature = "redis")]
    network::redis::KEYS,
    #[cfg(feature = "memcached")]
    network::memcached::KEYS,
    #[cfg(feature = "uwsgi")]
    network::uwsgi::KEYS,
];

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
        let method = digest::by_name(setting.text).map_err(|e| setting.explained(e))?;
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
        config.mode = Some(mode.ok_or_else(|| setting.bad("an octal file mode up to 0777, such as 0600"))?);
        Ok(())
    }),
    ("CACHE_NO_NULL_WARNING", |config, setting| {
        config.no_null_warning = Some(setting.boolean()?);
        Ok(())
    }),
    ("CACHE_RECOMPUTE_LIMIT", |config, setting| {
        let bodies = setting.number();
        config.recompute_limit =
            Some(bodies.ok_or_else(|| setting.bad("a number of bodies, 0 for no limit"))?);
        Ok(())
    }),
    ("CACHE_RECOVERY", |config, setting| {
        let invalidations = setting.number();
        config.recovery =
            Some(invalidations.ok_or_else(|| setting.bad("a number of invalidations, 0 to keep none"))?);
        Ok(())
    }),
    ("CACHE_SERIALIZER", |config, setting| {
        config.codec = Some(codec::by_name(setting.text).map_err(|e| setting.explained(e))?);
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

/// Keys that are not understood, and why: some of Flask-Caching's, and those of backends that are not compiled in.
const ABSENT: &[(&str, &str)] = &[
    ("CACHE_ARGS", "every setting has a key of its own"),
    ("CACHE_OPTIONS", "every setting has a key of its own"),
    (
        "CACHE_IGNORE_ERRORS",
        "`delete_many` says for each key whether it was there, and its errors are the caller's to ignore",
    ),
    (
        "CACHE_ENABLED",
        "it is the switch of the whole process, so only the environment has it; `cachekit::set_enabled` is the same in code",
    ),
    ("CACHE_ENABLE_SIGNALS", "events are always there for those who subscribe"),
    ("CACHE_FILE_HASH_METHOD", "files are always named by SHA-256"),
    ("CACHE_GCS_", "cachekit has no Google Cloud Storage backend"),
    #[cfg(not(feature = "redis"))]
    ("CACHE_REDIS_", "it needs the feature `redis` of cachekit"),
    #[cfg(not(feature = "memcached"))]
    ("CACHE_MEMCACHED_", "it needs the feature `memcached` of cachekit"),
    #[cfg(not(feature = "uwsgi"))]
    ("CACHE_UWSGI_", "it needs the feature `uwsgi` of cachekit"),
    #[cfg(not(feature = "network"))]
    ("CACHE_CHECK_CONNECTION", NETWORK),
    #[cfg(not(feature = "network"))]
    ("CACHE_CONNECT_TIMEOUT", NETWORK),
    #[cfg(not(feature = "network"))]
    ("CACHE_OPERATION_TIMEOUT", NETWORK),
    #[cfg(not(feature = "network"))]
    ("CACHE_POOL_SIZE", NETWORK),
];

#[cfg(not(feature = "network"))]
const NETWORK: &str = "it needs a feature of cachekit that brings a backend behind a network";

/// Applies one setting.
pub(super) fn apply(config: &mut Config, key: &str, text: &str) -> Result<()> {
    if let Some(apply) = find(key) {
        return apply(config, &Setting { key, text, is_shown: true });
    }
    if backends::is_option(key) {
        config.options.insert(key.to_owned(), text.to_owned());
        return Ok(());
    }
    Err(unknown(key))
}

/// Applies a setting that stands in a URL, whose text never appears in an error: what looks like a parameter may be a
/// part of a password that should have been encoded.
pub(super) fn apply_hidden(config: &mut Config, key: &str, text: &str) -> Result<()> {
    let setting = Setting { key, text, is_shown: false };
    let Some(apply) = find(key) else { return Err(unknown(key)) };
    apply(config, &setting).map_err(|error| {
        let shows = text.len() > 3 && format!("{error:#}").contains(text);
        if shows { setting.bad("a value that is known for it") } else { error }
    })
}

fn find(key: &str) -> Option<fn(&mut Config, &Setting<'_>) -> Result<()>> {
    KNOWN.iter().copied().flatten().find(|(known, _)| *known == key).map(|(_, apply)| *apply)
}

/// What may follow `?` in any URL, as [`long`] understands it.
pub(super) fn parameters() -> impl Iterator<Item = String> {
    let groups = [
        GENERAL,
        entries::KEYS,
        #[cfg(feature = "network")]
        network::KEYS,
    ];
    let keys = groups.into_iter().flatten().map(|(key, _)| *key);
    keys.filter(|key| !matches!(*key, "CACHE_TYPE" | "CACHE_URL" | "CACHE_DIR")).map(|key| match key {
        "CACHE_DEFAULT_TIMEOUT" => "timeout".to_owned(),
        _ => key.trim_start_matches("CACHE_").to_ascii_lowercase(),
    })
}

/// A key and its text, while they are applied.
pub(super) struct Setting<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
    /// Whether the text may be shown.
    is_shown: bool,
}

impl Setting<'_> {
    /// The error that the text is not what was expected.
    pub(super) fn bad(&self, expected: &str) -> Error {
        let Self { key, text, is_shown } = self;
        let shown = if *is_shown { shown(key, text) } else { HIDDEN.to_owned() };
        Error::new(ErrorKind::Config, format!("{key} is {shown}; expected {expected}"))
    }

    /// An error that others have about the text.
    pub(super) fn explained(&self, error: Error) -> Error {
        if self.is_shown {
            return error.with_context("key", self.key);
        }
        self.bad("one of the names that are known for it")
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

const HIDDEN: &str = "not what it should be";

/// A value as it may appear in an error.
fn shown(key: &str, value: &str) -> String {
    let secret =
        ["PASSWORD", "SECRET", "USERNAME", "TOKEN", "SEAL_KEYS"].iter().any(|word| key.contains(word));
    // What has an `@` is a URL or a part of one, or wants to be.
    if secret || value.contains("://") || value.contains('@') {
        HIDDEN.to_owned()
    } else {
        format!("{value:?}")
    }
}

fn unknown(key: &str) -> Error {
    let mut known: Vec<_> = KNOWN.iter().copied().flatten().map(|(known, _)| *known).collect();
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
