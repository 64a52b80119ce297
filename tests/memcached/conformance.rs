//! The whole conformance kit on every kind of store.

use std::sync::Arc;
use std::thread;

use cachekit_backends::testkit::{self, Target};
use cachekit_backends::{Backend, MemcachedConfig, Spread};
use cachekit_tests::servers::{Memcached, MemcachedSasl, Node};

use crate::support::{DRIVERS, Driver, OnlyAsync, config, sasl_config};

/// Runs the kit in all flavours; one cache of each serves all trials.
fn conforms(name: &str, config: MemcachedConfig) {
    conforms_in(name, config, &DRIVERS);
}

/// Runs the kit in the blocking flavour, and in the async one with these drivers.
fn conforms_in(name: &str, config: MemcachedConfig, drivers: &[(&str, Driver)]) {
    let cache = Arc::new(config.build().unwrap());
    assert_eq!(cache.name(), name);
    let mut targets: Vec<(String, Arc<dyn Backend>)> = vec![(format!("{name}, blocking"), cache.clone())];
    for (how, driver) in drivers {
        let backend = OnlyAsync { inner: cache.clone(), driver: *driver };
        targets.push((format!("{name}, async {how}"), Arc::new(backend)));
    }
    thread::scope(|scope| {
        for (label, backend) in targets {
            scope.spawn(move || {
                let target = Target::new(&label, move |_| Ok(Arc::clone(&backend)));
                println!("{label}: {} trials", testkit::trials(&target).len());
                testkit::run(&target);
            });
        }
    });
}

#[test]
fn one_server() {
    let Some(servers) = Memcached::start(1) else { return };
    conforms("MemcachedCache", config([servers.node(0).address()]));
}

#[test]
fn two_servers() {
    let Some(servers) = Memcached::start(2) else { return };
    conforms("MemcachedCache", config(servers.nodes().iter().map(Node::address)));
}

#[test]
fn a_server_that_wants_a_login() {
    let Some(server) = MemcachedSasl::start() else { return };
    conforms("SASLMemcachedCache", sasl_config(&server));
}

#[test]
fn spread() {
    let Some(server) = MemcachedSasl::start() else { return };
    conforms("SpreadSASLMemcachedCache", sasl_config(&server).spread(Spread::default()));
}

/// Case 350: chunks of any size, here of so few bytes that the values of most trials are spread.
#[test]
fn case_350_everything_spread() {
    let Some(servers) = Memcached::builder().instances(2).memory_mb(512).start() else { return };
    let config = config(servers.nodes().iter().map(Node::address));
    let spread = |chunk_size, max_chunks| config.clone().spread(Spread { chunk_size, max_chunks });
    conforms_in("SpreadSASLMemcachedCache", spread(3, 40_000), &[]);
    conforms_in("SpreadSASLMemcachedCache", spread(50, 2200), &DRIVERS);
}
