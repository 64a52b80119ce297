//! The quickstart is the same program on each of the ten backends.

use std::process::Command;

use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Redis, Sentinel, Uwsgi, shared};

/// What the quickstart prints as its values with this cache.
fn values(url: &str) -> String {
    let output = Command::new(std::env::var("CARGO").unwrap())
        .args(["run", "-q", "-p", "cachekit-examples", "--example", "quickstart", "--", "--cache", url])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{url}: {out}{err}");
    let (_, values) = out.split_once("\n\n").unwrap();
    let (values, _) = values.split_once("\nfirst pass").unwrap();
    values.to_owned()
}

#[test]
fn prints_the_same_on_every_backend() {
    let folder = tempfile::tempdir().unwrap();
    let servers = [
        shared::redis().map(Redis::url),
        shared::sentinel().map(Sentinel::url),
        shared::cluster().map(Cluster::url),
        shared::memcached().map(Memcached::url),
        shared::memcached_sasl().map(MemcachedSasl::url),
        shared::memcached_sasl().map(MemcachedSasl::spread_url),
        shared::uwsgi().map(Uwsgi::url),
    ];
    let here = ["null://".to_owned(), format!("filesystem://{}", folder.path().display())];
    let expected = values("simple://");
    assert!(expected.lines().count() > 5, "{expected}");
    for url in here.into_iter().chain(servers.into_iter().flatten()) {
        assert_eq!(values(&url), expected, "{url}");
        println!("the same {} values with {}", expected.lines().count(), url.split("://").next().unwrap());
    }
}
