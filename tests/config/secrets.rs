//! Nothing that may be a password is shown: not in errors, not by `Debug`, wherever it stands.

use cachekit::{Cache, Config};

use super::mistake;

const LEFT: &str = "QleftQ";
const RIGHT: &str = "QrightQ";

#[track_caller]
fn is_clean(what: &str, text: &str) {
    assert!(!text.contains(LEFT) && !text.contains(RIGHT), "{what}: {text}");
}

/// Looks at everything that a configuration says on its way to a cache.
#[track_caller]
fn check(what: &str, config: cachekit::Result<Config>) {
    let config = match config {
        Ok(config) => config,
        Err(error) => return is_clean(what, &format!("{error} {error:?} {error:#} {error:#?}")),
    };
    is_clean(what, &format!("{config:?} {config:#?}"));
    let builder = Cache::builder().config(&config);
    is_clean(what, &format!("{builder:?} {builder:#?}"));
    // Which certificates the system trusts takes a while to find out.
    if what.starts_with("rediss") {
        return;
    }
    match builder.try_build() {
        Ok(cache) => is_clean(what, &format!("{cache:?} {cache:#?} {:?}", cache.backend())),
        Err(error) => is_clean(what, &format!("{error} {error:?} {error:#}")),
    }
}

/// A password in its place, with every character in it that ends a part of a URL.
#[test]
fn passwords_in_their_place() {
    let between = [
        "", "/", "?", "#", "@", ":", "%", "%2F", "%zz", "[", "]", "&", "=", ",", "+", " ", "\\", "\n", "é",
        "://", "/0?", "?db=", "@@",
    ];
    for scheme in [
        "redis",
        "rediss",
        "redis+unix",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
        "memcached",
        "memcached+sasl",
        "memcached+spread",
        "uwsgi",
        "simple",
        "filesystem",
        "null",
        "mango",
        "",
        "redis:",
    ] {
        for user in ["app:", ":", "app:123/", "app:123?"] {
            for between in between {
                for rest in ["host:6379/0?timeout=60", "host:port", "/run/sock", "host/x", "h?no=1"] {
                    let url = format!("{scheme}://{user}{LEFT}{between}{RIGHT}@{rest}");
                    check(&url, Config::from_url(&url));
                    if scheme == "redis" {
                        check(&url, Config::from_map([("CACHE_URL", &url)]));
                        check(&url, Config::from_map([("CACHE_REDIS_URL", &url)]));
                    }
                }
            }
        }
    }
}

/// A password where none belongs, and a URL that ends in the middle.
#[test]
fn passwords_anywhere() {
    for url in [
        "QleftQ",
        "QleftQ@redis://host",
        "app:QleftQ@redis://host",
        "QleftQ1://host",
        "redis:/app:QleftQ@host",
        "redis:app:QleftQ@host",
        "redis//app:QleftQ@host",
        "redis://host:QleftQ",
        "redis://app:QleftQ",
        "redis://host:6379:QleftQ",
        "redis://host/QleftQ",
        "redis://host/0/QleftQ",
        "redis://host?QleftQ",
        "redis://host?QleftQ=1",
        "redis://host?timeout=QleftQ",
        "redis://host?db=QleftQ",
        "redis://host?pool_size=QleftQ",
        "redis://host?check_connection=QleftQ",
        "redis://host?serializer=QleftQ",
        "redis://host?hash_method=QleftQ",
        "redis://host?compression=QleftQ",
        "redis://host?seal=QleftQ",
        "redis://host?seal_keys=QleftQ",
        "redis://host?password=QleftQ",
        "redis://host?password=QleftQ&password=QrightQ",
        "redis://host?username=QleftQ&db=x",
        "redis://host?type=QleftQ",
        "redis://host#QleftQ",
        "redis+sentinel://host/name?sentinel_password=QleftQ&db=x",
        "redis+sentinel://host/name?sentinel_password=QleftQ",
        "redis+cluster://host/QleftQ",
        "memcached://QleftQ@host",
        "memcached://host/QleftQ",
        "memcached+sasl://app@host/QleftQ",
        "memcached+spread://host?password=QleftQ",
        "uwsgi://app:QleftQ@host:1",
        "uwsgi://app@host:QleftQ",
        "uwsgi://app@host:1/QleftQ",
        "filesystem://app:QleftQ@host/path",
        "simple://QleftQ@host",
        "simple://?timeout=1#QleftQ",
        "simple://?QleftQ",
    ] {
        check(url, Config::from_url(url));
        check(url, Config::from_map([("CACHE_URL", url)]));
    }
}

#[test]
fn secrets_in_keys() {
    for key in [
        "CACHE_REDIS_PASSWORD",
        "CACHE_REDIS_USERNAME",
        "CACHE_REDIS_SENTINEL_PASSWORD",
        "CACHE_REDIS_SENTINEL_USERNAME",
        "CACHE_MEMCACHED_PASSWORD",
    ] {
        for kind in [
            "RedisCache",
            "RedisSentinelCache",
            "MemcachedCache",
            "SASLMemcachedCache",
            "SpreadSASLMemcachedCache",
        ] {
            check(
                key,
                Config::from_map([("CACHE_TYPE", kind), ("CACHE_MEMCACHED_USERNAME", "app"), (key, LEFT)]),
            );
        }
    }
    // A URL, or a part of one, where something else belongs.
    for key in [
        "CACHE_TYPE",
        "CACHE_THRESHOLD",
        "CACHE_DEFAULT_TIMEOUT",
        "CACHE_REDIS_HOST",
        "CACHE_REDIS_PORT",
        "CACHE_REDIS_DB",
        "CACHE_REDIS_SENTINELS",
        "CACHE_REDIS_CLUSTER",
        "CACHE_REDIS_SSL",
        "CACHE_MEMCACHED_SERVERS",
        "CACHE_UWSGI_NAME",
        "CACHE_POOL_SIZE",
    ] {
        for value in ["redis://app:QleftQ@host", "app:QleftQ@host", "uwsgi://app:QleftQ@host:1"] {
            is_clean(key, &mistake(key, value));
        }
    }
}

#[test]
fn setters_keep_secrets_too() {
    let config = Config::new()
        .redis_credentials(RIGHT, LEFT)
        .redis_sentinel_credentials(RIGHT, LEFT)
        .memcached_credentials("app", LEFT)
        .backend("SASLMemcachedCache");
    check("setters", Ok(config));
}

#[test]
fn a_toml_file_keeps_them_too() {
    for text in [
        "CACHE_REDIS_PASSWORD = \"QleftQ",
        "CACHE_URL = \"redis://app:QleftQ@host:x\"",
        "[cache.a]\nurl = \"redis://app:QleftQ@host:x\"",
        "[cache]\nredis_pasword = \"QleftQ\"",
        "CACHE_REDIS_PASSWORD = [\"QleftQ\"]",
    ] {
        let error = cachekit::ConfigFile::from_toml_str(text).unwrap_err();
        is_clean(text, &format!("{error} {error:?} {error:#}"));
    }
}
