//! 1A: how a cache comes to its settings.

use cachekit::{
    Cache, CacheBuilder, Codec, Config, ErrorKind, FileSystemConfig, Json, SimpleCache, erased_serde,
};

use crate::world::{Count, as_bytes_with};

fn configured(pairs: &[(&str, &str)]) -> Cache {
    Cache::from_config(&Config::from_map(pairs.iter().copied()).unwrap()).unwrap()
}

#[test]
fn case_001_the_type_that_is_configured() {
    assert_eq!(configured(&[("CACHE_TYPE", "NullCache")]).backend().name(), "NullCache");
    assert_eq!(configured(&[("CACHE_TYPE", "SimpleCache")]).backend().name(), "SimpleCache");
}

#[test]
fn case_002_nothing_configured_is_the_cache_of_this_process() {
    assert_eq!(configured(&[]).backend().name(), "SimpleCache");
    assert_eq!(Cache::builder().build().backend().name(), "SimpleCache");
}

#[test]
fn case_003_what_is_said_later_wins() {
    let null = Config::from_map([("CACHE_TYPE", "NullCache")]).unwrap();
    let simple = Config::from_map([("CACHE_TYPE", "SimpleCache")]).unwrap();
    assert_eq!(
        Cache::from_config(&null.clone().merge(simple.clone())).unwrap().backend().name(),
        "SimpleCache"
    );
    assert_eq!(Cache::from_config(&simple.merge(null)).unwrap().backend().name(), "NullCache");
}

#[test]
fn case_011_every_backend_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    for name in ["FileSystemCache", "NullCache", "SimpleCache"] {
        assert_eq!(configured(&[("CACHE_TYPE", name), ("CACHE_DIR", dir)]).backend().name(), name);
    }
    // Where a server is needed, nobody is asked yet.
    let nowhere = [
        ("CACHE_REDIS_CLUSTER", "127.0.0.1:1"),
        ("CACHE_MEMCACHED_USERNAME", "user"),
        ("CACHE_MEMCACHED_PASSWORD", "password"),
        ("CACHE_UWSGI_NAME", "name@127.0.0.1:1"),
    ];
    for name in [
        "RedisCache",
        "RedisSentinelCache",
        "RedisClusterCache",
        "MemcachedCache",
        "SASLMemcachedCache",
        "SpreadSASLMemcachedCache",
        "UWSGICache",
    ] {
        let pairs: Vec<_> = [("CACHE_TYPE", name)].into_iter().chain(nowhere).collect();
        assert_eq!(configured(&pairs).backend().name(), name);
    }
    let error = Config::from_map([("CACHE_TYPE", "SimpelCache")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in ["SimpelCache", "did you mean SimpleCache", "NullCache", "FileSystemCache"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn case_014_an_unknown_hash_method_is_an_error_that_names_the_setting() {
    let error = Config::from_map([("CACHE_HASH_METHOD", "sha257")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in ["CACHE_HASH_METHOD", "sha257", "sha256", "md5"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn case_015_the_default_codec() {
    assert_eq!(Config::new().get_codec().name(), "bincode");
}

#[test]
fn cases_016_017_018_the_codec_that_is_configured() {
    assert_eq!(Config::new().codec(Json).get_codec().name(), "json");
    for name in ["bincode", "json", "msgpack"] {
        let config = Config::from_map([("CACHE_SERIALIZER", name)]).unwrap();
        assert_eq!(config.get_codec().name(), name);
        assert!(format!("{:?}", Cache::from_config(&config).unwrap()).contains(name));
    }
}

static WRITTEN: Count = Count::new();
static READ: Count = Count::new();

/// JSON that counts.
#[derive(Debug)]
struct Counting;

impl Codec for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }
    fn id(&self) -> u8 {
        201
    }
    fn carries_any_shape(&self) -> bool {
        true
    }
    fn encode(&self, value: &dyn erased_serde::Serialize) -> cachekit::Result<Vec<u8>> {
        WRITTEN.one();
        Json.encode(value)
    }
    fn decode<'de>(
        &self,
        bytes: &'de [u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
    ) -> cachekit::Result<()> {
        READ.one();
        Json.decode(bytes, read)
    }
}

/// The first store of a type also reads back what it wrote, to find out whether the codec can carry it.
#[test]
fn case_019_and_035_a_value_is_written_once_and_read_once() {
    let backend = std::sync::Arc::new(SimpleCache::new());
    let json = Cache::builder().shared_backend(backend.clone()).codec(Json).build();
    json.set("other", "json", 0).unwrap();

    let cache = Cache::builder().shared_backend(backend).codec(Counting).build();
    assert_eq!(cache.get::<String>("other").unwrap(), None, "what another codec wrote is a miss");
    cache.set("k", "spam", 0).unwrap();
    WRITTEN.take();
    READ.take();
    cache.set("k", "spam", 0).unwrap();
    assert_eq!((WRITTEN.take(), READ.take()), (1, 0));
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("spam"));
    assert_eq!((WRITTEN.take(), READ.take()), (0, 1));
}

#[test]
fn case_020_json_is_text_in_the_backend() {
    as_bytes_with(
        |builder| builder.codec(Json),
        |w| {
            let value = std::collections::HashMap::from([("a".to_owned(), 1)]);
            w.cache.set("k", &value, 0).unwrap();
            let stored = w.cache.backend().get_many(&["k"]).unwrap().remove(0).unwrap();
            let text = br#"{"a":1}"#;
            assert!(stored.windows(text.len()).any(|part| part == text));
            assert_eq!(w.cache.get("k").unwrap(), Some(value));
        },
    );
}

#[test]
fn case_021_any_backend_takes_any_codec() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk =
        |builder: CacheBuilder| builder.backend(FileSystemConfig::new(folder.path()).build().unwrap());
    for builder in [Cache::builder(), on_disk(Cache::builder())] {
        let cache = builder.codec(Json).build();
        cache.set("k", &vec![1, 2], 0).unwrap();
        assert_eq!(cache.get::<Vec<i32>>("k").unwrap(), Some(vec![1, 2]));
    }
}

#[test]
fn case_023_an_unknown_codec_is_an_error_that_names_the_setting() {
    let error = Config::from_map([("CACHE_SERIALIZER", "pickle")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in ["CACHE_SERIALIZER", "pickle", "bincode", "json", "msgpack"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn case_027_a_bad_codec_is_found_before_a_backend_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("cache");
    let pairs =
        [("CACHE_TYPE", "FileSystemCache"), ("CACHE_DIR", dir.to_str().unwrap()), ("CACHE_SERIALIZER", "x")];
    assert!(Config::from_map(pairs).is_err());
    assert!(!dir.exists());
}

#[test]
fn case_115_the_digest_of_keys_does_not_name_files() {
    let files = |method: &str| {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        let pairs = [("CACHE_TYPE", "FileSystemCache"), ("CACHE_DIR", dir), ("CACHE_HASH_METHOD", method)];
        configured(&pairs).set("k", "v", 0).unwrap();
        files_in(folder.path())
    };
    assert_eq!(files("md5"), files("sha512"));
    assert!(files("md5").iter().any(|name| name.len() == 64), "{:?}", files("md5"));
}

fn files_in(dir: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(files_in(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names.sort();
    names
}
