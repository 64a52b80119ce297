//! 1A, 2E, 2F: which server and database are connected to, and when.

use cachekit::{Cache, ErrorKind};
use cachekit_tests::servers::{self, Memcached, Redis};

/// So long that a busy machine is no failure.
const PATIENT: &str = "connect_timeout=5s&operation_timeout=5s";

/// Stores one value; says in which of the first databases of the server it is.
fn databases_after_set(url: &str, server: &Redis, prefix: &str) -> Vec<i64> {
    let cache = Cache::from_url(&format!("{url}?{PATIENT}&key_prefix={prefix}")).unwrap();
    cache.set("k", "v", 0).unwrap();
    let mut connection = server.connection();
    (0..16)
        .filter(|database| {
            redis::cmd("SELECT").arg(database).exec(&mut connection).unwrap();
            let found: bool = redis::cmd("EXISTS").arg(format!("{prefix}k")).query(&mut connection).unwrap();
            found
        })
        .collect()
}

#[test]
fn case_006_a_redis_url_without_a_number_is_database_0() {
    let Some(server) = servers::shared::redis() else { return };
    assert_eq!(databases_after_set(&server.url(), server, "case006:"), [0]);
}

#[test]
fn case_007_a_redis_url_with_a_number_is_that_database() {
    let Some(server) = servers::shared::redis() else { return };
    assert_eq!(databases_after_set(&format!("{}/2", server.url()), server, "case007:"), [2]);
    let by_parameter = format!("{}?db=3&{PATIENT}&key_prefix=case007:", server.unix_url().unwrap());
    let cache = Cache::from_url(&by_parameter).unwrap();
    cache.set("k", "v", 0).unwrap();
    let mut connection = server.connection();
    redis::cmd("SELECT").arg(3).exec(&mut connection).unwrap();
    assert!(redis::cmd("EXISTS").arg("case007:k").query::<bool>(&mut connection).unwrap());
}

/// With the check on, a server that cannot be reached is an error; with it off, not until it is used.
fn checked(url: &str) {
    let with = |check: &str| Cache::from_url(&format!("{url}?{PATIENT}&check_connection={check}"));
    let error = with("on").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    assert!(error.to_string().contains("could not connect"), "{error}");
    let cache = with("off").unwrap();
    assert!(cache.get::<String>("k").is_err());
}

#[test]
fn case_262_263_redis_is_connected_to_when_it_is_used_or_checked() {
    let Some(server) = Redis::start() else { return };
    server.kill();
    checked(&server.url());
}

#[test]
fn case_264_redis_that_is_there_passes_the_check() {
    let Some(server) = servers::shared::redis() else { return };
    let cache =
        Cache::from_url(&format!("{}?{PATIENT}&check_connection=on&key_prefix=case264:", server.url()));
    cache.unwrap().set("k", "v", 60).unwrap();
}

#[test]
fn case_267_268_memcached_is_connected_to_when_it_is_used_or_checked() {
    let Some(servers) = Memcached::start(1) else { return };
    servers.node(0).kill();
    checked(&servers.url());
    // Each of several is checked.
    let Some(servers) = Memcached::start(2) else { return };
    servers.node(1).kill();
    let half = Cache::from_url(&format!("{}?{PATIENT}&check_connection=on", servers.url()));
    assert!(half.unwrap_err().to_string().contains("could not connect"));
}

#[test]
fn case_269_memcached_that_is_there_passes_the_check() {
    let Some(servers) = servers::shared::memcached() else { return };
    let cache =
        Cache::from_url(&format!("{}?{PATIENT}&check_connection=on&key_prefix=case269:", servers.url()));
    cache.unwrap().set("k", "v", 60).unwrap();
}

#[test]
fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let Some(server) = Redis::builder().password("right").start() else { return };
    let error = Cache::from_url(&format!("{}?{PATIENT}&check_connection=on", server.url_as("", "QwrongQ")))
        .unwrap_err();
    let text = format!("{error} {error:?} {error:#}");
    assert!(text.contains("could not connect") && !text.contains("QwrongQ"), "{text}");
    Cache::from_url(&format!("{}?{PATIENT}&check_connection=on", server.url())).unwrap();
}

#[test]
fn tls_trusts_whom_it_is_told_to() {
    let Some(server) = servers::shared::redis_tls() else { return };
    let with = |ca: std::path::PathBuf| {
        Cache::from_url(&format!("{}?{PATIENT}&check_connection=on&ca_certs={}", server.url(), ca.display()))
    };
    with(server.ca()).unwrap().set("tls", "v", 60).unwrap();
    assert_eq!(with(server.other_ca()).unwrap_err().kind(), ErrorKind::Backend);
}
