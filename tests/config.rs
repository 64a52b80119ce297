//! Configuration: every key, every source, and what is said about mistakes.

use std::process::Command;
use std::time::Duration;

use cachekit::{Bincode, Codec, Config, ErrorKind, SimpleCache, Timeout, erased_serde, register_backend};

#[path = "config/network.rs"]
mod network;
#[path = "config/secrets.rs"]
mod secrets;

#[track_caller]
fn mistake(key: &str, value: &str) -> String {
    let error = Config::from_map([(key, value)]).expect_err("it is a mistake");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error.to_string()
}

#[track_caller]
fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{error:?} lacks {word:?}");
    }
}

// ---- values ------------------------------------------------------------------------------------------------------

/// Cases 2 and 15.
#[test]
fn case_002_defaults() {
    let config = Config::new();
    assert_eq!(config.get_backend(), "SimpleCache");
    assert_eq!(config.get_default_timeout(), Timeout::After(Duration::from_secs(300)));
    assert_eq!(config.get_key_prefix(), "");
    assert_eq!((config.get_threshold(), config.get_max_size()), (None, None));
    assert!(!config.get_source_check());
    assert_eq!(config.get_codec().name(), Bincode.name());
    assert_eq!(config.get_hash_method()(&[b"abc"]), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(config.get_flight_timeout(), Duration::from_secs(10));
}

#[test]
fn every_key_is_understood() {
    let config = Config::from_map([
        ("CACHE_TYPE", "NullCache"),
        ("CACHE_DEFAULT_TIMEOUT", "1h30m"),
        ("CACHE_THRESHOLD", "1000"),
        ("CACHE_MAX_SIZE", "50"),
        ("CACHE_KEY_PREFIX", "app:"),
        ("CACHE_SOURCE_CHECK", "Yes"),
        ("CACHE_HASH_METHOD", "md5"),
        ("CACHE_SERIALIZER", "bincode"),
        ("CACHE_DIR", "/var/cache/app"),
        ("CACHE_MODE", "0640"),
        ("CACHE_FLIGHT_TIMEOUT", "500ms"),
        ("CACHE_NO_NULL_WARNING", "1"),
    ])
    .unwrap();
    assert_eq!(config.get_backend(), "NullCache");
    assert_eq!(config.get_default_timeout(), Timeout::After(Duration::from_secs(5400)));
    assert_eq!(config.get_threshold(), Some(1000));
    assert_eq!(config.get_max_size(), Some(50));
    assert_eq!(config.get_key_prefix(), "app:");
    assert!(config.get_source_check());
    assert_eq!(config.get_codec().id(), Bincode.id());
    assert_eq!(config.get_directory().unwrap().to_str(), Some("/var/cache/app"));
    assert_eq!(config.get_mode(), Some(0o640));
    assert_eq!(config.get_flight_timeout(), Duration::from_millis(500));
    assert!(config.get_no_null_warning());
}

#[test]
fn setters_do_what_keys_do() {
    let config = Config::new()
        .backend("FileSystemCache")
        .default_timeout(60)
        .threshold(7)
        .max_size(8)
        .key_prefix("p:")
        .source_check(true)
        .hash_method(|_| "same".to_owned())
        .codec(Bincode)
        .directory("/d")
        .mode(0o600)
        .flight_timeout(Duration::from_secs(1))
        .set("CACHE_THRESHOLD", "9")
        .unwrap();
    assert_eq!(config.get_default_timeout(), Timeout::After(Duration::from_secs(60)));
    assert_eq!(config.get_threshold(), Some(9));
    assert_eq!(config.get_hash_method()(&[b"x"]), "same");
    assert_eq!(Config::new().default_timeout(Duration::ZERO).get_default_timeout(), Timeout::Never);
}

#[test]
fn timeouts_are_seconds_or_have_units_and_0_never_expires() {
    let timeout = |text| Config::from_map([("CACHE_DEFAULT_TIMEOUT", text)]).unwrap().get_default_timeout();
    assert_eq!(timeout("0"), Timeout::Never);
    assert_eq!(timeout("60"), Timeout::After(Duration::from_secs(60)));
    assert_eq!(timeout("2d"), Timeout::After(Duration::from_secs(172_800)));
    for bad in ["-1", "1.5", "soon", "", "10 minutes"] {
        says(
            &mistake("CACHE_DEFAULT_TIMEOUT", bad),
            &["CACHE_DEFAULT_TIMEOUT", &format!("{bad:?}"), "1h30m"],
        );
    }
}

#[test]
fn booleans_have_eight_spellings() {
    for (text, value) in
        [("true", true), ("1", true), ("YES", true), ("on", true), ("false", false), ("0", false)]
    {
        assert_eq!(Config::new().set("CACHE_SOURCE_CHECK", text).unwrap().get_source_check(), value);
    }
    assert!(!Config::new().set("CACHE_SOURCE_CHECK", "off").unwrap().get_source_check());
    says(&mistake("CACHE_SOURCE_CHECK", "maybe"), &["CACHE_SOURCE_CHECK", "\"maybe\"", "true or false"]);
}

#[test]
fn values_that_make_no_sense_are_mistakes() {
    says(&mistake("CACHE_THRESHOLD", "-1"), &["CACHE_THRESHOLD", "\"-1\"", "number of entries"]);
    says(&mistake("CACHE_THRESHOLD", "many"), &["CACHE_THRESHOLD"]);
    says(&mistake("CACHE_MAX_SIZE", "0"), &["CACHE_MAX_SIZE", "1 or more"]);
    says(&mistake("CACHE_MODE", "0999"), &["CACHE_MODE", "octal"]);
    says(&mistake("CACHE_MODE", "1777"), &["CACHE_MODE", "0777"]);
    says(&mistake("CACHE_DIR", ""), &["CACHE_DIR", "a path"]);
    says(&mistake("CACHE_FLIGHT_TIMEOUT", "0"), &["CACHE_FLIGHT_TIMEOUT", "above zero"]);
}

/// Case 14: the hash method is a name that is not known.
#[test]
fn case_014_hash_method_unknown_name() {
    says(&mistake("CACHE_HASH_METHOD", "crc32"), &["CACHE_HASH_METHOD", "crc32", "md5", "sha256", "blake3"]);
}

/// Case 23, and 27: it is found before any backend is built.
#[test]
fn case_023_serializer_unknown_name() {
    says(
        &mistake("CACHE_SERIALIZER", "pickle"),
        &["CACHE_SERIALIZER", "pickle", "bincode", "json", "msgpack"],
    );
}

/// Cases 16, 17 and 18: the codec that was given is the one that is used.
#[test]
fn case_016_codec_instance_is_used() {
    #[derive(Debug)]
    struct Mine;
    impl Codec for Mine {
        fn name(&self) -> &'static str {
            "mine"
        }
        fn id(&self) -> u8 {
            201
        }
        fn carries_any_shape(&self) -> bool {
            true
        }
        fn encode(&self, _: &dyn erased_serde::Serialize) -> cachekit::Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn decode<'de>(
            &self,
            _: &'de [u8],
            _: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
        ) -> cachekit::Result<()> {
            Ok(())
        }
    }
    assert_eq!(Config::new().codec(Mine).get_codec().name(), "mine");
}

// ---- names -------------------------------------------------------------------------------------------------------

#[test]
fn unknown_keys_name_the_nearest_and_list_the_known() {
    says(
        &mistake("CACHE_TRESHOLD", "1"),
        &["CACHE_TRESHOLD", "did you mean CACHE_THRESHOLD?", "CACHE_KEY_PREFIX"],
    );
    says(&mistake("cache_dir", "x"), &["did you mean CACHE_DIR?"]);
    let error = mistake("CACHE_BANANA", "1");
    assert!(!error.contains("did you mean"), "{error}");
    says(&error, &["unknown setting CACHE_BANANA", "CACHE_URL"]);
}

#[test]
fn keys_of_flask_that_have_no_meaning_say_why() {
    says(&mistake("CACHE_GCS_BUCKET", "x"), &["CACHE_GCS_BUCKET", "Google Cloud Storage"]);
    says(&mistake("CACHE_ARGS", "[]"), &["a key of its own"]);
    says(&mistake("CACHE_OPTIONS", "{}"), &["a key of its own"]);
    says(&mistake("CACHE_IGNORE_ERRORS", "true"), &["delete_many"]);
    says(&mistake("CACHE_ENABLE_SIGNALS", "true"), &["events"]);
    says(&mistake("CACHE_FILE_HASH_METHOD", "md5"), &["SHA-256"]);
}

#[test]
fn unknown_types_list_the_known() {
    says(&mistake("CACHE_TYPE", "Simple"), &["did you mean SimpleCache?", "NullCache", "FileSystemCache"]);
    says(&mistake("CACHE_TYPE", "simplecache"), &["did you mean SimpleCache?"]);
    says(&mistake("CACHE_TYPE", "flask_caching.backends.SimpleCache"), &["did you mean SimpleCache?"]);
    says(&mistake("CACHE_TYPE", "redis"), &["did you mean RedisCache?", "UWSGICache"]);
    says(&mistake("CACHE_TYPE", ""), &["CACHE_TYPE is one of"]);
}

// ---- merging -----------------------------------------------------------------------------------------------------

/// Cases 1 and 3: what is said later wins, what is not said stays.
#[test]
fn case_003_later_settings_win() {
    let first = Config::from_map([("CACHE_TYPE", "NullCache"), ("CACHE_KEY_PREFIX", "a:")]).unwrap();
    assert_eq!(first.get_backend(), "NullCache");
    let both = first.merge(Config::new().backend("SimpleCache").default_timeout(0));
    assert_eq!(both.get_backend(), "SimpleCache");
    assert_eq!(both.get_key_prefix(), "a:");
    assert_eq!(both.get_default_timeout(), Timeout::Never);
}

// ---- URLs --------------------------------------------------------------------------------------------------------

#[test]
fn urls_say_it_in_one_line() {
    let config =
        Config::from_url("simple://?threshold=1000&timeout=1h&key_prefix=app%3A%20&source_check=on").unwrap();
    assert_eq!(config.get_backend(), "SimpleCache");
    assert_eq!(config.get_threshold(), Some(1000));
    assert_eq!(config.get_default_timeout(), Timeout::After(Duration::from_secs(3600)));
    assert_eq!(config.get_key_prefix(), "app: ");
    assert!(config.get_source_check());
    assert_eq!(Config::from_url("null://").unwrap().get_backend(), "NullCache");
    assert_eq!(Config::from_url("simple:///?key_prefix=a+b").unwrap().get_key_prefix(), "a+b");
}

#[test]
fn urls_that_make_no_sense_are_mistakes() {
    let mistake = |url: &str| Config::from_url(url).unwrap_err().to_string();
    says(&mistake("simple"), &["simple://"]);
    says(&mistake("mango://host"), &["mango://", "null://", "filesystem://", "redis://", "uwsgi://"]);
    says(&mistake("reddis://host"), &["did you mean redis://?"]);
    says(&mistake("simple://host"), &["neither a host nor a path"]);
    says(
        &mistake("simple://?treshold=1"),
        &["did you mean threshold?", "known are", "key_prefix", "timeout"],
    );
    says(&mistake("simple://?threshold=x"), &["CACHE_THRESHOLD", "number of entries", "threshold"]);
    says(&mistake("simple://?serializer=x"), &["CACHE_SERIALIZER", "serializer"]);
    says(&mistake("simple://?db=1"), &["not known"]);
    says(&mistake("simple://?threshold=1&threshold=2"), &["threshold is given twice"]);
    says(&mistake("simple://?timeout=1&default_timeout=2"), &["twice"]);
    says(&mistake("simple://?type=NullCache"), &["type"]);
    says(&mistake("simple://?url=null://"), &["url"]);
    says(&mistake("simple://?key_prefix=%zz"), &["hexadecimal"]);
    says(&mistake("simple://#a"), &["%23"]);
}

#[test]
fn files_need_an_absolute_path() {
    let config = Config::from_url("filesystem:///var/cache/a%20b?mode=0640").unwrap();
    assert_eq!(config.get_directory().unwrap().to_str(), Some("/var/cache/a b"));
    assert_eq!(config.get_mode(), Some(0o640));
    says(&Config::from_url("filesystem://var/cache").unwrap_err().to_string(), &["absolute path"]);
}

#[test]
fn other_keys_override_the_url_wherever_it_stands() {
    let url = ("CACHE_URL", "simple://?threshold=5&key_prefix=url:");
    for pairs in [[url, ("CACHE_THRESHOLD", "6")], [("CACHE_THRESHOLD", "6"), url]] {
        let config = Config::from_map(pairs).unwrap();
        assert_eq!((config.get_threshold(), config.get_key_prefix()), (Some(6), "url:"));
    }
    let off = Config::from_map([url, ("CACHE_TYPE", "NullCache")]).unwrap();
    assert_eq!(off.get_backend(), "NullCache");
}

// ---- TOML --------------------------------------------------------------------------------------------------------

#[test]
fn toml_has_flasks_keys_at_the_top_and_named_caches_in_tables() {
    let file = cachekit::ConfigFile::from_toml_str(
        r#"
        title = "an application's own file"
        CACHE_TYPE = "SimpleCache"
        CACHE_DEFAULT_TIMEOUT = 60
        CACHE_SOURCE_CHECK = true

        [cache]
        key_prefix = "app:"

        [cache.sessions]
        timeout = "1h"
        mode = 0o640

        [cache.off]
        type = "NullCache"

        [server]
        port = 80
        "#,
    )
    .unwrap();
    assert_eq!(file.default.get_default_timeout(), Timeout::After(Duration::from_secs(60)));
    assert_eq!(file.default.get_key_prefix(), "app:");
    assert!(file.default.get_source_check());
    assert_eq!(file.named.keys().collect::<Vec<_>>(), ["off", "sessions"]);
    assert_eq!(file.named["sessions"].get_default_timeout(), Timeout::After(Duration::from_secs(3600)));
    assert_eq!(file.named["sessions"].get_key_prefix(), "app:");
    assert_eq!(file.named["sessions"].get_mode(), Some(0o640));
    assert_eq!(file.named["off"].get_backend(), "NullCache");
}

#[test]
fn toml_that_makes_no_sense_is_a_mistake() {
    let mistake = |text: &str| cachekit::ConfigFile::from_toml_str(text).unwrap_err().to_string();
    let error = mistake("\nCACHE_TYPE = \"hunter2");
    says(&error, &["line 2"]);
    assert!(!error.contains("hunter2"), "{error}");
    says(&mistake("CACHE_TRESHOLD = 1"), &["did you mean CACHE_THRESHOLD?"]);
    says(&mistake("CACHE_THRESHOLD = [\"1\"]"), &["CACHE_THRESHOLD", "array"]);
    says(&mistake("CACHE_REDIS_CLUSTER = [1]"), &["CACHE_REDIS_CLUSTER", "array"]);
    says(&mistake("CACHE_DEFAULT_TIMEOUT = -1"), &["\"-1\""]);
    says(&mistake("CACHE_DEFAULT_TIMEOUT = 1.5"), &["float"]);
    says(&mistake("cache = 1"), &["[cache]"]);
    says(&mistake("CACHE_DIR = \"a\"\n[cache]\ndir = \"b\""), &["CACHE_DIR is set twice"]);
    says(&mistake("[cache.big]\nthreshold = \"x\""), &["CACHE_THRESHOLD", "cache: big"]);
}

#[test]
fn a_toml_file_is_read_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.toml");
    says(&Config::from_toml_file(&path).unwrap_err().to_string(), &["cannot be read", "cache.toml"]);
    std::fs::write(&path, "CACHE_KEY_PREFIX = \"f:\"").unwrap();
    assert_eq!(Config::from_toml_file(&path).unwrap().get_key_prefix(), "f:");
    std::fs::write(&path, "CACHE_KEY = 1").unwrap();
    says(&Config::from_toml_file(&path).unwrap_err().to_string(), &["CACHE_KEY", "cache.toml"]);
    std::fs::write(&path, "[cache.a]").unwrap();
    says(&Config::from_toml_file(&path).unwrap_err().to_string(), &["named caches a", "ConfigFile"]);
}

// ---- the environment ---------------------------------------------------------------------------------------------

/// The environment of a process is set before it starts, so this test runs itself again as a child.
#[test]
fn the_environment_is_read() {
    const CHILD: &str = "CONFIG_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        match Config::from_env() {
            Ok(config) => println!("ok {} {:?}", config.get_backend(), config.get_threshold()),
            Err(error) => println!("error {error}"),
        }
        return;
    }
    let run = |variables: &[(&str, &str)]| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "the_environment_is_read", "--nocapture"]).env(CHILD, "1");
        let output = child.envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    says(&run(&[]), &["ok SimpleCache None"]);
    says(&run(&[("CACHE_TYPE", "NullCache"), ("CACHE_THRESHOLD", "5")]), &["ok NullCache Some(5)"]);
    says(&run(&[("CACHE_TRESHOLD", "5")]), &["error", "did you mean CACHE_THRESHOLD?"]);
}

// ---- backends of others ------------------------------------------------------------------------------------------

/// Case 9.
#[test]
fn case_009_registered_backends_have_names_and_options() {
    says(&mistake("CACHE_TYPE", "ShelfCache"), &["not ShelfCache"]);
    says(&mistake("CACHE_SHELFCACHE_ROOM", "kitchen"), &["unknown setting"]);
    register_backend("ShelfCache", |_| Ok(std::sync::Arc::new(SimpleCache::new()))).unwrap();
    let config =
        Config::from_map([("CACHE_SHELFCACHE_PASSWORD", "hunter2"), ("CACHE_TYPE", "ShelfCache")]).unwrap();
    assert_eq!(config.get_option("CACHE_SHELFCACHE_PASSWORD"), Some("hunter2"));
    assert_eq!(config.get_option("CACHE_SHELFCACHE_ROOM"), None);
    let shown = format!("{config:?}");
    assert!(shown.contains("CACHE_SHELFCACHE_PASSWORD") && !shown.contains("hunter2"), "{shown}");
    // Switched off by one key, the options are still understood.
    assert!(Config::from_map([("CACHE_SHELFCACHE_PASSWORD", "x"), ("CACHE_TYPE", "NullCache")]).is_ok());
    says(&mistake("CACHE_TYPE", "Nothing"), &["ShelfCache"]);
    says(&mistake("CACHE_SHELFCACHE", "x"), &["unknown setting"]);
}

#[test]
fn names_are_given_once() {
    let conflict = |name| register_backend(name, |_| Ok(std::sync::Arc::new(SimpleCache::new())));
    assert!(conflict("OnceCache").is_ok());
    for taken in ["OnceCache", "SimpleCache", "NullCache", "FileSystemCache", "RedisCache"] {
        assert_eq!(conflict(taken).unwrap_err().kind(), ErrorKind::Conflict, "{taken}");
    }
    for bad in ["", "my.Cache", "my cache"] {
        assert_eq!(conflict(bad).unwrap_err().kind(), ErrorKind::Config, "{bad:?}");
    }
}
