//! Settings from a TOML file, for the default cache and for named ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cachekit_backends::{Error, ErrorKind, Result};
use toml::{Table, Value};

use super::{Config, keys};

/// What a TOML file says: the default cache, and further ones by name.
///
/// Flask's keys stand at the top level; in the table `[cache]` they are written in lower case without `CACHE_`. A
/// table in it is a named cache, which has the settings of the default cache unless it says otherwise. Everything else
/// in the file is left to others.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use cachekit::ConfigFile;
///
/// let file = ConfigFile::from_toml_str(
///     r#"
///     CACHE_TYPE = "SimpleCache"
///     CACHE_DEFAULT_TIMEOUT = "1h30m"
///
///     [cache.sessions]
///     threshold = 10_000
///     timeout = 60
///     "#,
/// )?;
/// assert_eq!(file.named["sessions"].get_threshold(), Some(10_000));
/// assert_eq!(file.named["sessions"].get_backend(), "SimpleCache");
/// # }
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    /// The default cache.
    pub default: Config,
    /// Caches by name.
    pub named: BTreeMap<String, Config>,
}

impl ConfigFile {
    /// Reads TOML.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if it is no TOML, and as [`Config::set`].
    pub fn from_toml_str(text: &str) -> Result<Self> {
        let document: Table = toml::from_str(text).map_err(|e| {
            // Only the message: the error's own text repeats the line, which may hold a password.
            let line =
                e.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
            Error::new(ErrorKind::Config, format!("line {line} is no TOML: {}", e.message()))
        })?;
        let mut pairs = Vec::new();
        let mut tables = Vec::new();
        for (key, value) in &document {
            match (key.as_str(), value) {
                ("cache", Value::Table(cache)) => {
                    for (name, value) in cache {
                        match value {
                            Value::Table(named) => tables.push((name, named)),
                            _ => pairs.push(pair(keys::long(name), value)?),
                        }
                    }
                }
                ("cache", _) => {
                    return Err(Error::new(ErrorKind::Config, "`cache` is a table: write [cache]"));
                }
                (key, value) if key.starts_with("CACHE_") => pairs.push(pair(key.to_owned(), value)?),
                _ => {}
            }
        }
        if let Some(twice) =
            pairs.iter().enumerate().find_map(|(i, (key, _))| pairs[..i].iter().find(|p| p.0 == *key))
        {
            return Err(Error::new(ErrorKind::Config, format!("{} is set twice", twice.0)));
        }
        let default = Config::from_map(pairs)?;
        let mut named = BTreeMap::new();
        for (name, table) in tables {
            let pairs: Result<Vec<_>> =
                table.iter().map(|(key, value)| pair(keys::long(key), value)).collect();
            let config = pairs.and_then(Config::from_map).map_err(|e| e.with_context("cache", name))?;
            named.insert(name.clone(), default.clone().merge(config));
        }
        Ok(Self { default, named })
    }

    /// Reads a TOML file.
    ///
    /// # Errors
    ///
    /// As [`from_toml_str`](Self::from_toml_str), and if the file cannot be read.
    pub fn from_toml_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)
            .map_err(|e| Error::new(ErrorKind::Config, "the file cannot be read").with_source(e));
        text.and_then(|text| Self::from_toml_str(&text))
            .map_err(|e| e.with_context("file", path.display().to_string()))
    }
}

impl Config {
    /// Reads TOML that configures one cache. For several, see [`ConfigFile`].
    ///
    /// # Errors
    ///
    /// As [`ConfigFile::from_toml_str`], and if there are named caches.
    pub fn from_toml_str(text: &str) -> Result<Self> {
        ConfigFile::from_toml_str(text).and_then(only)
    }

    /// Reads a TOML file that configures one cache. For several, see [`ConfigFile`].
    ///
    /// # Errors
    ///
    /// As [`ConfigFile::from_toml_file`], and if there are named caches.
    pub fn from_toml_file(path: impl AsRef<Path>) -> Result<Self> {
        ConfigFile::from_toml_file(path).and_then(only)
    }
}

fn only(file: ConfigFile) -> Result<Config> {
    if file.named.is_empty() {
        return Ok(file.default);
    }
    let names: Vec<_> = file.named.keys().map(String::as_str).collect();
    let message = format!("the named caches {} need to be read with ConfigFile", names.join(", "));
    Err(Error::new(ErrorKind::Config, message))
}

/// What may be written as an array of texts.
const LISTS: [&str; 3] = ["CACHE_MEMCACHED_SERVERS", "CACHE_REDIS_CLUSTER", "CACHE_REDIS_SENTINELS"];

/// A setting as the text that the environment would hold.
fn pair(key: String, value: &Value) -> Result<(String, String)> {
    let text = match value {
        Value::String(text) => text.clone(),
        // An integer is a number, not its digits: 0o600 in TOML is 384.
        Value::Integer(mode) if key == "CACHE_MODE" => format!("{mode:o}"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(list) if LISTS.contains(&key.as_str()) && list.iter().all(Value::is_str) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            let message = format!(
                "{key} is of TOML's type {}; expected text, an integer or a boolean",
                value.type_str()
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
    };
    Ok((key, text))
}
