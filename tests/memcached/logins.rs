//! Servers that want to know who asks.

use std::sync::Arc;

use cachekit_backends::{Backend, Spread};
use cachekit_tests::servers::{Memcached, MemcachedSasl};

use crate::support::{config, flavours, sasl_config};

#[test]
fn the_right_password_opens_and_the_wrong_one_says_so() {
    let Some(server) = MemcachedSasl::start() else { return };
    for (user, password) in [("alice", "secret"), ("bob@cachekit", "secret2")] {
        let cache = config([server.address()]).credentials(user, password).build().unwrap();
        assert_eq!(cache.name(), "SASLMemcachedCache");
        for (flavour, b) in flavours(Arc::new(cache)) {
            b.set_many(&[("k", b"v")], None).unwrap();
            assert_eq!(b.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}, {user}");
        }
    }
    for (user, password) in [
        ("alice", "wr0ng-s3cret"),
        ("alice", ""),
        ("nobody", "wr0ng-s3cret"),
        ("", ""),
        ("bob", "wr0ng-s3cret"),
    ] {
        let cache = config([server.address()]).credentials(user, password).build().unwrap();
        for (flavour, b) in flavours(Arc::new(cache)) {
            let error = b.get_many(&["k"]).unwrap_err();
            let text = format!("{error:#} {error:?} {b:?}");
            assert!(text.contains("refused the user name or the password"), "{flavour}, {user}: {text}");
            assert!(!text.contains("wr0ng") && !text.contains("s3cret"), "{flavour}, {user}: {text}");
            let deleted = b.delete_many(&["k"]);
            assert!(deleted.is_err(), "{flavour}, {user}");
        }
    }
}

#[test]
fn without_a_login_the_server_says_what_it_wants() {
    let Some(server) = MemcachedSasl::start() else { return };
    for index in 0..2 {
        let (flavour, b) = &flavours(Arc::new(config([server.address()]).build().unwrap()))[index];
        let error = b.get_many(&["k"]).unwrap_err();
        assert!(format!("{error:#}").contains("user name and a password"), "{flavour}: {error:#}");
        assert!(b.set_many(&[("k", b"v")], None).is_err() && b.clear("").is_err(), "{flavour}");
    }
}

/// A password is not given to a server that cannot check it, as if it had.
#[test]
fn a_login_where_none_is_known_is_an_error() {
    let Some(servers) = Memcached::start(1) else { return };
    let cache = config([servers.node(0).address()]).credentials("alice", "s3cret").build().unwrap();
    for (flavour, b) in flavours(Arc::new(cache)) {
        let error = b.get_many(&["k"]).unwrap_err();
        let text = format!("{error:#} {error:?}");
        assert!(text.contains("SASL PLAIN") && !text.contains("s3cret"), "{flavour}: {text}");
    }
}

#[test]
fn what_is_configured_is_named_and_checked() {
    let Some(server) = MemcachedSasl::start() else { return };
    let spread = sasl_config(&server).spread(Spread::default()).build().unwrap();
    assert_eq!(spread.name(), "SpreadSASLMemcachedCache");
    let plain = config([server.address()]).build().unwrap();
    assert_eq!(plain.name(), "MemcachedCache");
    let debug = format!("{spread:?} {:?}", sasl_config(&server));
    assert!(!debug.contains("secret"), "{debug}");
    assert!(config([]).build().is_err());
    assert!(config([server.address()]).credentials("alice\0", "secret").build().is_err());
    assert!(config([server.address()]).credentials("alice", "\0secret").build().is_err());
    assert!(config([server.address(), server.address()]).build().is_err());
    assert!(config([server.address()]).pool_size(0).build().is_err());
    assert!(config([server.address()]).max_value_size(10).build().is_err());
    for spread in [
        Spread { chunk_size: 0, max_chunks: 1 },
        Spread { chunk_size: 1, max_chunks: 0 },
        Spread { chunk_size: 1 << 20, max_chunks: 32 },
    ] {
        assert!(config([server.address()]).spread(spread).build().is_err(), "{spread:?}");
    }
    let larger = Spread { chunk_size: 1 << 20, max_chunks: 32 };
    assert!(config([server.address()]).spread(larger).max_value_size(4 << 20).build().is_ok());
}
