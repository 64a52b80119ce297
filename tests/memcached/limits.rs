//! Values that are too large: an answer for each, and nothing else is touched.

use std::sync::Arc;

use cachekit_backends::{Backend, ErrorKind, Seen};
use cachekit_tests::servers::Memcached;

use crate::support::{config, flavours};

const MIB: usize = 1 << 20;

/// Case 346.
#[test]
fn case_346_one_value_too_large_does_not_keep_the_others_out() {
    let Some(servers) = Memcached::start(1) else { return };
    // Whether it is found out here or by the server, which keeps no more than 1 MiB.
    for most in [MIB, 64 * MIB] {
        let cache = config([servers.node(0).address()]).max_value_size(most).build().unwrap();
        for (flavour, b) in flavours(Arc::new(cache)) {
            let what = format!("{flavour}, up to {most}");
            let (large, fits) = (vec![b'x'; 2 * MIB], vec![b'y'; 1_000_000]);
            let stored =
                b.set_many(&[("a", b"1"), ("large", &large), ("b", b"2"), ("fits", &fits)], None).unwrap();
            assert_eq!(stored, [true, false, true, true], "{what}");
            let found = b.get_many(&["a", "large", "b", "fits"]).unwrap();
            assert_eq!(found, [Some(b"1".to_vec()), None, Some(b"2".to_vec()), Some(fits.clone())], "{what}");
            assert_eq!(b.set_many(&[("large", &large)], None).unwrap(), [false], "{what}");
            let kind = |answer: cachekit_backends::Result<bool>| answer.map_err(|error| error.kind());
            assert_eq!(kind(b.add("large", &large, None)), Err(ErrorKind::NoSpace), "{what}");
            assert_eq!(
                kind(b.compare_and_set("large", None, &large, None)),
                Err(ErrorKind::NoSpace),
                "{what}"
            );
            let seen = Some(Seen::new(b"1"));
            assert_eq!(kind(b.compare_and_set("a", seen, &large, None)), Err(ErrorKind::NoSpace), "{what}");
            // The connection is as good as before.
            assert_eq!(b.get_many(&["b"]).unwrap(), [Some(b"2".to_vec())], "{what}");
        }
    }
}

/// Just below the limit is stored, just above it is refused before it is sent, and nothing is in between.
#[test]
fn the_limit_is_the_servers() {
    let Some(servers) = Memcached::start(1) else { return };
    let b = config([servers.node(0).address()]).build().unwrap();
    for key in ["k", &"k".repeat(250), &"k".repeat(900)] {
        for length in (MIB - 700..MIB + 10).step_by(7) {
            let value = vec![b'v'; length];
            let stored = b.set_many(&[(key, &value)], None).unwrap() == [true];
            assert_eq!(b.get_many(&[key]).unwrap()[0].as_ref() == Some(&value), stored, "{length}");
            assert!(stored || length > MIB - 400, "{length}");
            b.delete_many(&[key]).unwrap();
        }
    }
}

#[test]
fn a_server_that_keeps_more_is_used_up_to_that() {
    let Some(servers) = Memcached::builder().max_item("8m").memory_mb(256).start() else { return };
    let cache = config([servers.node(0).address()]).max_value_size(8 * MIB).build().unwrap();
    for (flavour, b) in flavours(Arc::new(cache)) {
        let values: Vec<Vec<u8>> = (0..6_u8).map(|n| vec![n; 5 * MIB]).collect();
        let keys: Vec<String> = (0..6).map(|n| format!("k{n}")).collect();
        let items: Vec<_> =
            keys.iter().zip(&values).map(|(key, value)| (key.as_str(), value.as_slice())).collect();
        assert_eq!(b.set_many(&items, None).unwrap(), [true; 6], "{flavour}");
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found = b.get_many(&keys).unwrap();
        assert!(found.iter().zip(&values).all(|(found, value)| found.as_ref() == Some(value)), "{flavour}");
    }
    // Who is told less reads less: as absent, and the connection goes on.
    let small = config([servers.node(0).address()]).build().unwrap();
    for (flavour, b) in flavours(Arc::new(small)) {
        b.set_many(&[("small", b"v")], None).unwrap();
        assert_eq!(b.get_many(&["k0", "small"]).unwrap(), [None, Some(b"v".to_vec())], "{flavour}");
    }
}

/// Answers that come while it is still being asked are taken in, or neither side would go on.
#[test]
fn much_is_read_in_one_exchange() {
    let Some(servers) = Memcached::builder().memory_mb(256).start() else { return };
    for (flavour, b) in flavours(Arc::new(config([servers.node(0).address()]).build().unwrap())) {
        let keys: Vec<String> = (0..4000).map(|n| format!("{flavour}:{n:0>90}")).collect();
        let value = vec![b'v'; 5000];
        for keys in keys.chunks(500) {
            let items: Vec<_> = keys.iter().map(|key| (key.as_str(), &value[..])).collect();
            assert_eq!(b.set_many(&items, None).unwrap(), [true; 500], "{flavour}");
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for _ in 0..3 {
            let found = b.get_many(&keys).unwrap();
            assert!(found.iter().all(|found| found.as_ref() == Some(&value)), "{flavour}");
        }
    }
}

/// A server without memory for more says so, for each item.
#[test]
fn a_full_server_refuses() {
    let Some(servers) = Memcached::builder().memory_mb(8).option("-M", "-v").start() else { return };
    for (flavour, b) in flavours(Arc::new(config([servers.node(0).address()]).build().unwrap())) {
        let value = vec![b'v'; 400_000];
        let stored: Vec<bool> =
            (0..60).map(|n| b.set_many(&[(&format!("{flavour}{n}"), &value)], None).unwrap()[0]).collect();
        assert!(stored.contains(&false), "{flavour}: the server took everything");
        let refused = stored.iter().position(|stored| !stored).unwrap();
        let kind = b.add(&format!("{flavour}{refused}"), &value, None).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::NoSpace), "{flavour}");
        assert_eq!(b.get_many(&[&format!("{flavour}{refused}")]).unwrap(), [None], "{flavour}");
    }
}
