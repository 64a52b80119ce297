//! Where settings come from: pairs, the environment, a URL.

use std::env;
use std::ffi::OsString;

use cachekit_backends::{Error, ErrorKind, Result};

use super::{Config, keys, url};

impl Config {
    /// Sets one `CACHE_*` key from text, as in the environment.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config), saying what is known or expected, if the key is unknown or the value cannot be
    /// parsed.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self> {
        self.set_in_place(key, value)?;
        Ok(self)
    }

    /// A configuration from pairs of `CACHE_*` keys and text. `CACHE_URL` is overridden by the other keys, wherever
    /// it stands; of equal keys the last one counts.
    ///
    /// ```
    /// use cachekit::Config;
    ///
    /// let config = Config::from_map([("CACHE_TYPE", "SimpleCache"), ("CACHE_DEFAULT_TIMEOUT", "1h30m")])?;
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn from_map<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self> {
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        // Stable: the others keep their order.
        pairs.sort_by_key(|(key, _)| key.as_ref() != "CACHE_URL");
        let mut config = Self::new();
        for (key, value) in &pairs {
            config.set_in_place(key.as_ref(), value.as_ref())?;
        }
        Ok(config)
    }

    /// A configuration from all environment variables that begin with `CACHE_`.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), and if such a variable is not UTF-8.
    pub fn from_env() -> Result<Self> {
        from_variables(env::vars_os())
    }

    /// A configuration from a URL.
    ///
    /// | URL | `CACHE_TYPE` |
    /// |---|---|
    /// | `simple://?threshold=1000` | `SimpleCache` |
    /// | `filesystem:///var/cache/app?mode=0600` | `FileSystemCache` |
    /// | `redis://user:password@host:6379/0`, `redis+unix:///run/redis.sock?db=1` | `RedisCache` |
    /// | `redis+sentinel://user:password@host:26379,host:26379/mymaster/0` | `RedisSentinelCache` |
    /// | `redis+cluster://user:password@host:7000,host:7001` | `RedisClusterCache` |
    /// | `rediss://…?ca_certs=…`, `rediss+sentinel://…`, `rediss+cluster://…` | the same with TLS |
    /// | `memcached://host:11211,host:11211` | `MemcachedCache` |
    /// | `memcached+sasl://user:password@host:11211` | `SASLMemcachedCache` |
    /// | `memcached+spread://user:password@host:11211?chunk_size=…&max_chunks=…` | `SpreadSASLMemcachedCache` |
    /// | `uwsgi://name@host:3031?max_value_size=…` | `UWSGICache` |
    /// | `null://` | `NullCache` |
    ///
    /// Parameters are the `CACHE_*` keys in lower case without `CACHE_` (`key_prefix`, `connect_timeout`, …) and without
    /// the name of the backend (`db`, `sentinel_password`); `timeout` is `CACHE_DEFAULT_TIMEOUT`. Special characters are
    /// written `%xx`, also in user names and passwords. What is left out, such as a port, has its default; a user name
    /// and a password may come from the keys.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), and if the URL is none or its scheme is unknown. Errors show nothing of the URL but its
    /// scheme and the names of known parameters.
    pub fn from_url(url: &str) -> Result<Self> {
        url::parse(url)
    }

    pub(super) fn set_in_place(&mut self, key: &str, value: &str) -> Result<()> {
        keys::apply(self, key, value)
    }
}

fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Config> {
    let mut pairs = Vec::new();
    for (key, value) in variables {
        // The switch of the process is no setting of this cache; see `cachekit::set_enabled`.
        if !key.as_encoded_bytes().starts_with(b"CACHE_") || key == "CACHE_ENABLED" {
            continue;
        }
        let text = |text: OsString| {
            text.into_string().map_err(|_| {
                let name = key.to_string_lossy();
                Error::new(ErrorKind::Config, format!("the environment variable {name} is not UTF-8"))
            })
        };
        pairs.push((text(key.clone())?, text(value)?));
    }
    Config::from_map(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(key: &str, value: &str) -> (OsString, OsString) {
        (key.into(), value.into())
    }

    #[test]
    fn other_variables_are_not_read() {
        let config = from_variables([variable("HOME", "/"), variable("CACHE_KEY_PREFIX", "a:")]).unwrap();
        assert_eq!(config.get_key_prefix(), "a:");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_an_error_without_its_value() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(b"secret\xff".to_vec());
        let error = from_variables([("CACHE_KEY_PREFIX".into(), value.clone())]).unwrap_err().to_string();
        assert!(error.contains("CACHE_KEY_PREFIX is not UTF-8") && !error.contains("secret"), "{error}");
        assert!(from_variables([("HOME".into(), value)]).is_ok());
    }
}
