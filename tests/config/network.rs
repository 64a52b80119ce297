//! The backends behind a network: their keys, their URLs, and what is built of them. Nobody is connected to.

use std::time::Duration;

use cachekit::{Address, Cache, Config, ErrorKind};

use super::{mistake, says};

/// What is built: the name of the backend, and how it shows itself.
#[track_caller]
fn built(config: &Config) -> (&'static str, String) {
    let cache = Cache::from_config(config).unwrap_or_else(|error| panic!("{error:#}"));
    (cache.backend().name(), format!("{:?}", cache.backend()))
}

#[track_caller]
fn by_keys(pairs: &[(&str, &str)]) -> (&'static str, String) {
    built(&Config::from_map(pairs.iter().copied()).unwrap_or_else(|error| panic!("{error:#}")))
}

#[track_caller]
fn by_url(url: &str) -> (&'static str, String) {
    built(&Config::from_url(url).unwrap_or_else(|error| panic!("{url}: {error:#}")))
}

/// What a configuration says of itself.
#[track_caller]
fn shown(url: &str) -> String {
    format!("{:?}", Config::from_url(url).unwrap_or_else(|error| panic!("{url}: {error:#}")))
}

#[track_caller]
fn is((found, debug): (&'static str, String), name: &str, parts: &[&str]) {
    assert_eq!(found, name);
    for part in parts {
        assert!(debug.contains(part), "{debug} lacks {part}");
    }
}

#[track_caller]
fn refused(pairs: &[(&str, &str)]) -> String {
    let error = Config::from_map(pairs.iter().copied()).and_then(|config| Cache::from_config(&config));
    let error = error.map(|cache| format!("{cache:?}")).expect_err("it is a mistake");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error.to_string()
}

#[track_caller]
fn url_mistake(url: &str) -> String {
    let error = Config::from_url(url).and_then(|config| Cache::from_config(&config));
    let error = error.map(|cache| format!("{url}: {cache:?}")).expect_err("it is a mistake");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error.to_string()
}

// ---- keys --------------------------------------------------------------------------------------------------------

#[test]
fn unset_keys_have_flasks_defaults() {
    is(by_keys(&[("CACHE_TYPE", "RedisCache")]), "RedisCache", &["localhost", "6379"]);
    is(
        by_keys(&[("CACHE_TYPE", "RedisSentinelCache")]),
        "RedisSentinelCache",
        &["127.0.0.1", "26379", "mymaster"],
    );
    is(by_keys(&[("CACHE_TYPE", "MemcachedCache")]), "MemcachedCache", &["127.0.0.1", "11211"]);
    is(by_keys(&[("CACHE_TYPE", "SpreadSASLMemcachedCache")]), "SpreadSASLMemcachedCache", &["11211"]);
    let config = Config::new();
    assert_eq!(config.get_deadlines().connect, Duration::from_millis(250));
    assert_eq!(config.get_deadlines().operation, Duration::from_millis(100));
    assert_eq!((config.get_pool_size(), config.get_check_connection()), (16, false));
}

#[test]
fn what_has_no_default_is_asked_for() {
    says(&refused(&[("CACHE_TYPE", "RedisClusterCache")]), &["CACHE_REDIS_CLUSTER"]);
    says(&refused(&[("CACHE_TYPE", "UWSGICache")]), &["CACHE_UWSGI_NAME", "name@host:port"]);
    says(&refused(&[("CACHE_TYPE", "SASLMemcachedCache")]), &["CACHE_MEMCACHED_USERNAME"]);
    for half in ["CACHE_MEMCACHED_USERNAME", "CACHE_MEMCACHED_PASSWORD"] {
        for kind in ["SASLMemcachedCache", "SpreadSASLMemcachedCache"] {
            says(&refused(&[("CACHE_TYPE", kind), (half, "x")]), &["go together"]);
        }
    }
}

#[test]
fn redis_has_flasks_keys() {
    let redis = [
        ("CACHE_TYPE", "RedisCache"),
        ("CACHE_REDIS_HOST", "cache.example"),
        ("CACHE_REDIS_PORT", "7000"),
        ("CACHE_REDIS_PASSWORD", "secret"),
        ("CACHE_REDIS_USERNAME", "app"),
        ("CACHE_REDIS_DB", "3"),
        ("CACHE_CONNECT_TIMEOUT", "1s"),
        ("CACHE_OPERATION_TIMEOUT", "50ms"),
        ("CACHE_POOL_SIZE", "4"),
        ("CACHE_CHECK_CONNECTION", "no"),
    ];
    is(by_keys(&redis), "RedisCache", &["cache.example", "7000"]);
    let config = Config::from_map(redis).unwrap();
    assert_eq!(config.get_deadlines().connect, Duration::from_secs(1));
    assert_eq!(config.get_deadlines().operation, Duration::from_millis(50));
    assert_eq!(config.get_pool_size(), 4);
    says(&format!("{config:?}"), &["database: 3"]);

    for host in ["::1", "[::1]"] {
        is(
            by_keys(&[("CACHE_TYPE", "RedisCache"), ("CACHE_REDIS_HOST", host)]),
            "RedisCache",
            &["::1", "6379"],
        );
    }
    let socket = [("CACHE_TYPE", "RedisCache"), ("CACHE_REDIS_HOST", "/run/redis.sock")];
    is(by_keys(&socket), "RedisCache", &["/run/redis.sock"]);
    // An empty password is none, as an empty variable of the environment is.
    is(by_keys(&[("CACHE_TYPE", "RedisCache"), ("CACHE_REDIS_PASSWORD", "")]), "RedisCache", &[]);
}

#[test]
fn sentinels_and_clusters_have_flasks_keys() {
    let sentinels = [
        ("CACHE_TYPE", "RedisSentinelCache"),
        ("CACHE_REDIS_SENTINELS", "a.example:1, b.example:2,c.example"),
        ("CACHE_REDIS_SENTINEL_MASTER", "orders"),
        ("CACHE_REDIS_SENTINEL_PASSWORD", "secret"),
        ("CACHE_REDIS_SENTINEL_USERNAME", "watcher"),
        ("CACHE_REDIS_DB", "1"),
    ];
    let parts = ["a.example", "1", "b.example", "c.example", "26379", "orders"];
    is(by_keys(&sentinels), "RedisSentinelCache", &parts);
    let cluster =
        [("CACHE_TYPE", "RedisClusterCache"), ("CACHE_REDIS_CLUSTER", "a.example:7000, [::1]:7001")];
    is(by_keys(&cluster), "RedisClusterCache", &["a.example", "7000", "::1", "7001"]);
    // A cluster has no databases; the setting is for what has.
    is(by_keys(&[cluster[0], cluster[1], ("CACHE_REDIS_DB", "3")]), "RedisClusterCache", &[]);
}

/// The URL wins over the keys of the place, whatever their order; the database is that of the URL, or the key's.
#[test]
fn a_redis_url_wins_over_host_and_port() {
    let url = |url: &str, others: &[(&str, &str)]| {
        let mut pairs = vec![("CACHE_TYPE", "RedisCache"), ("CACHE_REDIS_URL", url)];
        pairs.extend(others);
        by_keys(&pairs)
    };
    let others = [("CACHE_REDIS_HOST", "other.example"), ("CACHE_REDIS_PORT", "1"), ("CACHE_REDIS_DB", "5")];
    let (_, debug) = url("redis://app:secret@url.example:7000/2", &others);
    assert!(debug.contains("url.example") && !debug.contains("other.example"), "{debug}");
    is(url("unix:///run/redis.sock?db=1", &[]), "RedisCache", &["/run/redis.sock"]);
    is(url("redis+unix://:secret@/run/redis.sock", &[]), "RedisCache", &["/run/redis.sock"]);
    let cluster = [("CACHE_TYPE", "RedisClusterCache"), ("CACHE_REDIS_URL", "redis://url.example")];
    is(by_keys(&cluster), "RedisClusterCache", &["url.example", "6379"]);
    for wrong in [
        "",
        "url.example",
        "redis+cluster://h",
        "memcached://h",
        "redis://h/x",
        "redis://h?timeout=1",
        "redis://h,i",
    ] {
        let error = mistake("CACHE_REDIS_URL", wrong);
        says(&error, &["CACHE_REDIS_URL"]);
    }
    // A place that is said later is another place.
    let first = Config::from_map([("CACHE_REDIS_URL", "redis://first.example")]).unwrap();
    let later = first.merge(Config::from_url("redis://later.example").unwrap());
    is(built(&later), "RedisCache", &["later.example"]);
}

/// The login of one place is not sent to another, be it in a file's table of its own.
#[test]
fn a_url_takes_nothing_from_another_place() {
    let first = Config::from_url("redis://app:secret@first.example:7000/3?key_prefix=a:").unwrap();
    let later = first.merge(Config::from_url("redis://later.example").unwrap());
    is(
        built(&later),
        "RedisCache",
        &["later.example", "6379", "username: None", "password: None", "database: 0"],
    );
    assert_eq!(later.get_key_prefix(), "a:", "what holds anywhere stays");
    let file = cachekit::ConfigFile::from_toml_str(
        r#"
        CACHE_URL = "redis://app:secret@first.example:7000/3"
        [cache.sessions]
        url = "redis://later.example"
        "#,
    )
    .unwrap();
    is(
        built(&file.named["sessions"]),
        "RedisCache",
        &["later.example", "6379", "password: None", "database: 0"],
    );
}

/// Among keys the URL wins; what is said later wins over all of them, and takes nothing else away.
#[test]
fn what_is_said_later_wins_over_a_redis_url() {
    let url = ("CACHE_REDIS_URL", "redis://app:secret@url.example:7000/3");
    let redis = || Config::from_map([("CACHE_TYPE", "RedisCache"), url]).unwrap();
    let later = |key, value| redis().merge(Config::from_map([(key, value)]).unwrap());
    for (config, parts) in [
        (later("CACHE_KEY_PREFIX", "a:"), ["url.example", "7000", "database: 3"]),
        (later("CACHE_REDIS_DB", "5"), ["url.example", "7000", "database: 5"]),
        (redis().redis_database(5), ["url.example", "7000", "database: 5"]),
        (later("CACHE_REDIS_PORT", "7001"), ["url.example", "7001", "database: 3"]),
        (later("CACHE_REDIS_USERNAME", "other"), ["url.example", "7000", "username: Some"]),
        (redis().redis_credentials("", "other"), ["url.example", "username: None", "database: 3"]),
        (later("CACHE_REDIS_HOST", "b.example"), ["b.example", "6379", "password: None"]),
    ] {
        is(built(&config), "RedisCache", &parts);
    }
    let file = cachekit::ConfigFile::from_toml_str(
        r#"
        CACHE_TYPE = "RedisCache"
        CACHE_REDIS_URL = "redis://url.example:7000/0"
        [cache.sessions]
        redis_db = 1
        "#,
    )
    .unwrap();
    is(built(&file.named["sessions"]), "RedisCache", &["url.example", "7000", "database: 1"]);
    let cluster = [("CACHE_TYPE", "RedisClusterCache"), url];
    let cluster = Config::from_map(cluster).unwrap().redis_credentials("", "other");
    is(built(&cluster), "RedisClusterCache", &["url.example", "7000"]);
}

#[test]
fn memcached_has_flasks_keys() {
    let servers = ("CACHE_MEMCACHED_SERVERS", "a.example:1, b.example,/run/memcached.sock");
    let sasl = [
        ("CACHE_TYPE", "SASLMemcachedCache"),
        servers,
        ("CACHE_MEMCACHED_USERNAME", "app"),
        ("CACHE_MEMCACHED_PASSWORD", "secret"),
        ("CACHE_MEMCACHED_MAX_VALUE_SIZE", "4194304"),
    ];
    is(by_keys(&sasl), "SASLMemcachedCache", &["a.example", "b.example", "11211", "/run/memcached.sock"]);
    is(by_keys(&[("CACHE_TYPE", "MemcachedCache"), servers]), "MemcachedCache", &["a.example"]);
    let spread = [
        ("CACHE_TYPE", "SpreadSASLMemcachedCache"),
        servers,
        ("CACHE_MEMCACHED_CHUNK_SIZE", "1000"),
        ("CACHE_MEMCACHED_MAX_CHUNKS", "8"),
    ];
    is(by_keys(&spread), "SpreadSASLMemcachedCache", &["1000", "8"]);
}

#[test]
fn uwsgi_has_flasks_key() {
    let name = |name: &str| by_keys(&[("CACHE_TYPE", "UWSGICache"), ("CACHE_UWSGI_NAME", name)]);
    is(name("app@127.0.0.1:3031"), "UWSGICache", &["\"app\"", "127.0.0.1:3031"]);
    is(name("@[::1]:3031"), "UWSGICache", &["cache: \"\"", "[::1]:3031"]);
    is(name("app@/run/uwsgi.sock"), "UWSGICache", &["/run/uwsgi.sock"]);
}

/// Case 63, and what else makes no sense.
#[test]
fn case_063_empty_and_absurd_values_are_mistakes() {
    for (key, values, expected) in [
        ("CACHE_REDIS_HOST", &["", "a b", "host:6379", "redis://h", "user@host"][..], "without a port"),
        ("CACHE_REDIS_PORT", &["", "0", "65536", "-1", "http"], "1 to 65535"),
        ("CACHE_REDIS_DB", &["", "-1", "x", "1.5"], "0 or more"),
        ("CACHE_REDIS_SENTINELS", &["", ",", "a:1,", "a:0", "a b:1", "[('a', 1)]"], "host:port,host:port"),
        ("CACHE_REDIS_SENTINEL_MASTER", &[""], "master"),
        ("CACHE_REDIS_CLUSTER", &["", "a:b", "a:1;b:2"], "host:port,host:port"),
        ("CACHE_REDIS_SSL", &["", "required"], "true or false"),
        ("CACHE_REDIS_SSL_CA_CERTS", &[""], "PEM"),
        ("CACHE_REDIS_SSL_CERTFILE", &[""], "PEM"),
        ("CACHE_REDIS_SSL_KEYFILE", &[""], "PEM"),
        ("CACHE_MEMCACHED_SERVERS", &["", "a:1,,b:2", "['a:1']"], "host:port,host:port"),
        ("CACHE_MEMCACHED_CHUNK_SIZE", &["", "0", "1k"], "1 or more"),
        ("CACHE_MEMCACHED_MAX_CHUNKS", &["", "0"], "1 or more"),
        ("CACHE_MEMCACHED_MAX_VALUE_SIZE", &["", "0", "1m"], "1 or more"),
        ("CACHE_UWSGI_NAME", &["", "app", "app@", "app@host", "app@host:0"], "name@host:port"),
        ("CACHE_UWSGI_MAX_VALUE_SIZE", &["", "0"], "1 or more"),
        ("CACHE_CONNECT_TIMEOUT", &["", "0", "soon", "-1"], "above zero"),
        ("CACHE_OPERATION_TIMEOUT", &["", "0ms", "0.1"], "above zero"),
        ("CACHE_POOL_SIZE", &["", "0", "many"], "1 or more"),
        ("CACHE_CHECK_CONNECTION", &["", "maybe"], "true or false"),
    ] {
        for value in values {
            says(&mistake(key, value), &[key, expected]);
        }
    }
}

#[test]
fn toml_takes_lists() {
    let config = Config::from_toml_str(
        r#"
        [cache]
        type = "RedisSentinelCache"
        redis_sentinels = ["a.example:1", "b.example:2"]
        redis_db = 2
        connect_timeout = "1s"
        "#,
    )
    .unwrap();
    is(built(&config), "RedisSentinelCache", &["a.example", "b.example"]);
}

#[test]
fn setters_do_what_keys_do() {
    let at = |host: &str, port| Address::tcp(host, port);
    let redis = Config::new().backend("RedisCache").redis_address(at("a.example", 7000)).redis_database(2);
    let redis = redis.redis_credentials("app", "secret").pool_size(3).connect_timeout(Duration::from_secs(1));
    is(built(&redis.operation_timeout(Duration::from_secs(2))), "RedisCache", &["a.example", "7000"]);
    let socket = Config::new().backend("RedisCache").redis_address(Address::Unix("/run/redis.sock".into()));
    is(built(&socket), "RedisCache", &["/run/redis.sock"]);
    let sentinel = Config::new().backend("RedisSentinelCache").redis_sentinels([at("s.example", 1)]);
    let sentinel = sentinel.redis_sentinel_master("orders").redis_sentinel_credentials("", "secret");
    is(built(&sentinel), "RedisSentinelCache", &["s.example", "orders"]);
    let cluster = Config::new().backend("RedisClusterCache").redis_cluster([at("c.example", 1)]);
    is(built(&cluster), "RedisClusterCache", &["c.example"]);
    let memcached =
        Config::new().memcached_servers([at("m.example", 1)]).memcached_credentials("app", "secret");
    let memcached = memcached.memcached_max_value_size(2_000_000).memcached_spread(500, 7);
    is(built(&memcached.clone().backend("MemcachedCache")), "MemcachedCache", &["m.example"]);
    is(built(&memcached.clone().backend("SASLMemcachedCache")), "SASLMemcachedCache", &["m.example"]);
    is(built(&memcached.backend("SpreadSASLMemcachedCache")), "SpreadSASLMemcachedCache", &["500", "7"]);
    let uwsgi =
        Config::new().backend("UWSGICache").uwsgi("app", at("u.example", 1)).uwsgi_max_value_size(9000);
    is(built(&uwsgi), "UWSGICache", &["u.example:1", "app"]);
}

// ---- TLS ---------------------------------------------------------------------------------------------------------

#[test]
fn tls_is_never_half_configured() {
    let redis = ("CACHE_TYPE", "RedisCache");
    let on = ("CACHE_REDIS_SSL", "true");
    let ca = ("CACHE_REDIS_SSL_CA_CERTS", "/no/such/ca.pem");
    says(&refused(&[redis, ca]), &["CACHE_REDIS_SSL=true"]);
    says(&refused(&[redis, on, ca]), &["PEM", "/no/such/ca.pem"]);
    says(&refused(&[redis, on, ("CACHE_REDIS_URL", "redis://host")]), &["write rediss://"]);
    let later = Config::from_map([redis, ("CACHE_REDIS_URL", "redis://host")]).unwrap().redis_ssl(true);
    says(&format!("{later:?}"), &["ssl: true"]);
    assert!(!format!("{later:?}").contains("url"), "which would be without TLS");
    says(&url_mistake("rediss://host?ca_certs=/no/such/ca.pem"), &["PEM"]);
    says(&url_mistake("redis://host?ca_certs=/no/such/ca.pem"), &["not known"]);
}

// ---- URLs --------------------------------------------------------------------------------------------------------

#[test]
fn every_server_has_a_url() {
    is(by_url("redis://"), "RedisCache", &["localhost", "6379"]);
    is(by_url("redis://host.example"), "RedisCache", &["host.example", "6379"]);
    is(by_url("redis://host.example:7000/2"), "RedisCache", &["7000"]);
    is(by_url("redis://app:secret@[::1]:7000/"), "RedisCache", &["::1"]);
    is(by_url("redis+unix:///run/a%20b.sock?db=1"), "RedisCache", &["/run/a b.sock"]);
    is(by_url("redis+unix://:secret@/run/redis.sock"), "RedisCache", &["/run/redis.sock"]);
    is(
        by_url("redis+sentinel://a.example,b.example:1/orders/2"),
        "RedisSentinelCache",
        &["26379", "b.example", "orders"],
    );
    is(by_url("redis+sentinel://:pw@a.example?sentinel_password=x"), "RedisSentinelCache", &["mymaster"]);
    is(
        by_url("redis+cluster://:pw@a.example:7000,b.example"),
        "RedisClusterCache",
        &["7000", "b.example", "6379"],
    );
    is(by_url("memcached://a.example,b.example:1"), "MemcachedCache", &["a.example", "11211", "b.example"]);
    is(by_url("memcached+sasl://app:secret@a.example"), "SASLMemcachedCache", &["a.example"]);
    is(
        by_url("memcached+spread://a.example?chunk_size=1000&max_chunks=9"),
        "SpreadSASLMemcachedCache",
        &["1000", "9"],
    );
    is(by_url("memcached+spread://app:secret@a.example"), "SpreadSASLMemcachedCache", &["a.example"]);
    is(by_url("uwsgi://app@a.example:3031"), "UWSGICache", &["\"app\"", "a.example:3031"]);
    is(by_url("uwsgi://a.example:3031?max_value_size=4096"), "UWSGICache", &["cache: \"\""]);
    is(by_url("uwsgi://app@/run/uwsgi.sock"), "UWSGICache", &["/run/uwsgi.sock"]);
}

#[test]
fn the_number_of_a_database_is_in_the_path_or_a_parameter() {
    for (url, database) in [
        ("redis://host/7", "7"),
        ("redis://host?db=7", "7"),
        ("redis+unix:///sock?db=7", "7"),
        ("redis+sentinel://host/name/7", "7"),
        ("redis+sentinel://host//7", "7"),
        ("redis+sentinel://host?db=7", "7"),
    ] {
        says(&shown(url), &[&format!("database: {database}")]);
    }
    for url in ["redis://host", "redis://host/", "redis+sentinel://host/name"] {
        assert!(!shown(url).contains("database"), "{url}");
    }
}

#[test]
fn urls_have_parameters_with_short_names() {
    let url =
        "redis://host?timeout=60&key_prefix=app%3A&connect_timeout=1s&operation_timeout=50ms&pool_size=4";
    let config = Config::from_url(url).unwrap();
    assert_eq!(config.get_key_prefix(), "app:");
    assert_eq!(config.get_default_timeout(), 60.into());
    assert_eq!(config.get_deadlines().connect, Duration::from_secs(1));
    assert_eq!(config.get_deadlines().operation, Duration::from_millis(50));
    assert_eq!(config.get_pool_size(), 4);
    for (url, expected) in [
        ("redis://host?database=1", ["not known", "db"]),
        ("redis://host?key_prefx=1", ["did you mean key_prefix?", "timeout"]),
        ("redis://host?chunk_size=1", ["not known", "operation_timeout"]),
        ("memcached://host?chunk_size=1", ["not known", "max_value_size"]),
        ("uwsgi://a@host:1?db=1", ["not known", "max_value_size"]),
        ("redis://host?db=x", ["CACHE_REDIS_DB", "0 or more"]),
        ("redis://host?db=1&db=1", ["db", "twice"]),
        ("redis://host?pool_size=0", ["CACHE_POOL_SIZE", "1 or more"]),
    ] {
        says(&url_mistake(url), &expected);
    }
}

#[test]
fn urls_of_servers_that_make_no_sense_are_mistakes() {
    for (url, expected) in [
        ("redis://a,b", "one server"),
        ("redis://host:0", "1 to 65535"),
        ("redis://:6379", "host:port"),
        ("redis://host/x", "number of a database"),
        ("redis://host/1/2", "number of a database"),
        ("redis://host/-1", "number of a database"),
        ("redis+unix://host/path", "absolute path"),
        ("redis+unix://", "absolute path"),
        ("redis+sentinel://host/name/x", "number of a database"),
        ("redis+sentinel://a,,b/name", "host:port"),
        ("redis+cluster://", "some of its nodes"),
        ("redis+cluster://host/1", "no databases"),
        ("memcached://host/0", "nothing follows"),
        ("memcached://app:secret@host", "memcached+sasl://"),
        ("memcached+sasl://host", "CACHE_MEMCACHED_USERNAME"),
        ("memcached+sasl://app@host", "go together"),
        ("uwsgi://app@host", "uwsgi://name@host:port"),
        ("uwsgi://", "uwsgi://name@host:port"),
        ("uwsgi://app@host:1/x", "uwsgi://name@host:port"),
        ("uwsgi://app:secret@host:1", "uwsgi://name@host:port"),
        ("redis://host#x", "%23"),
        ("redis://us%zzer@host", "hexadecimal"),
    ] {
        says(&url_mistake(url), &[expected]);
    }
}

#[test]
fn keys_override_the_url_one_by_one() {
    let pairs = [
        ("CACHE_REDIS_PORT", "7001"),
        ("CACHE_URL", "redis://host.example:7000/2"),
        ("CACHE_REDIS_DB", "5"),
        ("CACHE_REDIS_PASSWORD", "secret"),
    ];
    is(by_keys(&pairs), "RedisCache", &["host.example", "7001"]);
    says(&format!("{:?}", Config::from_map(pairs).unwrap()), &["database: 5"]);
    let off = [("CACHE_URL", "redis://host.example"), ("CACHE_TYPE", "NullCache")];
    is(by_keys(&off), "NullCache", &[]);
}
