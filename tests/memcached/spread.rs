//! Values that are spread over several entries: every operation sees them, and what is not whole is a miss.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Backend, ErrorKind, Seen, Spread};
use cachekit_tests::servers::{Memcached, Node};

use crate::support::{config, flavours, listing, name_in};

const SPREAD: Spread = Spread { chunk_size: 1000, max_chunks: 32 };

fn caches(servers: &Memcached, spread: Spread) -> [(&'static str, Arc<dyn Backend>); 2] {
    let config = config(servers.nodes().iter().map(Node::address)).spread(spread);
    flavours(Arc::new(config.build().unwrap()))
}

/// The chunks that the servers have and will keep, as another client sees them.
fn chunks(servers: &Memcached) -> BTreeSet<(usize, String)> {
    let mut chunks = BTreeSet::new();
    for (server, node) in servers.nodes().iter().enumerate() {
        for line in listing(node) {
            let name = name_in(&line);
            if name.starts_with("cachekit:chunk:") && line.contains(" exp=-1 ") {
                chunks.insert((server, name));
            }
        }
    }
    chunks
}

/// Another client's command, and what the server says.
fn tell(servers: &Memcached, server: usize, command: &str) -> String {
    let mut stream = servers.node(server).connect();
    stream.write_all(command.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..=250).map(|byte: u8| byte.wrapping_add(seed)).cycle().take(length).collect()
}

/// Case 347.
#[test]
fn case_347_every_operation_sees_a_spread_value() {
    let Some(servers) = Memcached::start(2) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        let value = pattern(10_500, 1);
        assert!(b.add("k", &value, None).unwrap(), "{flavour}");
        assert_eq!(chunks(&servers).len(), 11, "{flavour}");
        assert!(!b.add("k", b"other", None).unwrap(), "{flavour}");
        assert!(!b.add("k", &pattern(5000, 2), None).unwrap(), "{flavour}");
        assert_eq!(b.has_many(&["k", "l"]).unwrap(), [true, false], "{flavour}");
        assert_eq!(b.get_many(&["l", "k"]).unwrap(), [None, Some(value.clone())], "{flavour}");
        assert_eq!(b.increment("k", 1, None).map_err(|e| e.kind()), Err(ErrorKind::Type), "{flavour}");
        assert!(!b.compare_and_set("k", None, b"x", None).unwrap(), "{flavour}");
        assert!(!b.compare_and_set("k", Some(Seen::new(b"no")), b"x", None).unwrap(), "{flavour}");
        assert!(
            !b.compare_and_set("k", Some(Seen::new(&pattern(10_501, 1))), b"x", None).unwrap(),
            "{flavour}"
        );
        let next = pattern(3000, 3);
        assert!(b.compare_and_set("k", Some(Seen::new(&value[..64])), &next, None).unwrap(), "{flavour}");
        let read = b.read_many(&["k"]).unwrap().pop().flatten().unwrap();
        assert_eq!(read.value, next, "{flavour}");
        let seen = Seen::new(&next[..10]).token(read.token);
        assert!(b.compare_and_set("k", Some(seen), &value, None).unwrap(), "{flavour}");
        assert!(!b.compare_and_set("k", Some(seen), &next, None).unwrap(), "{flavour}: the token is old");
        assert!(
            b.compare_and_set("k", Some(Seen::new(&value)), &next, None).unwrap(),
            "{flavour}: the whole of it"
        );
        assert_eq!(b.delete_many(&["k", "l"]).unwrap(), [true, false], "{flavour}");
        assert_eq!(b.get_many(&["k"]).unwrap(), [None], "{flavour}");
        assert_eq!(chunks(&servers), BTreeSet::new(), "{flavour}: all parts will expire");
    }
}

#[test]
fn clear_and_lifetimes_reach_spread_values() {
    let Some(servers) = Memcached::start(2) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        let value = pattern(10_500, 1);
        b.set_many(&[("a:1", &value), ("b:1", &value)], None).unwrap();
        b.clear("a:").unwrap();
        assert_eq!(b.get_many(&["a:1", "b:1"]).unwrap(), [None, Some(value.clone())], "{flavour}");
        assert!(b.add("a:1", &value, Some(Duration::from_millis(300))).unwrap(), "{flavour}");
        assert_eq!(b.has_many(&["a:1"]).unwrap(), [true], "{flavour}");
        thread::sleep(Duration::from_millis(320));
        assert_eq!(b.get_many(&["a:1"]).unwrap(), [None], "{flavour}");
        b.delete_many(&["a:1", "b:1"]).unwrap();
    }
}

/// Case 348: each chunk in turn is lost, cut, or one of another version.
#[test]
fn case_348_a_value_that_is_not_whole_is_a_miss() {
    let Some(servers) = Memcached::start(2) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        let (value, fresh) = (pattern(4500, 1), pattern(4500, 2));
        for part in 0..5 {
            for damage in ["delete", "cut", "foreign", "empty"] {
                let what = format!("{flavour}, {damage} of part {part}");
                assert_eq!(b.set_many(&[("k", &value)], None).unwrap(), [true]);
                assert_eq!(b.get_many(&["k"]).unwrap(), [Some(value.clone())]);
                let all = chunks(&servers);
                let (server, name) =
                    all.iter().find(|(_, name)| name.ends_with(&format!(":{part}"))).unwrap();
                let answer = match damage {
                    "delete" => tell(&servers, *server, &format!("delete {name}\r\n")),
                    "cut" => tell(&servers, *server, &format!("set {name} 0 0 3\r\ncut\r\n")),
                    "foreign" => {
                        tell(&servers, *server, &format!("set {name} 0 0 1000\r\n{}\r\n", "x".repeat(1000)))
                    }
                    _ => tell(&servers, *server, &format!("set {name} 0 0 0\r\n\r\n")),
                };
                assert!(["DELETED\r\n", "STORED\r\n"].contains(&answer.as_str()), "{answer:?}");
                assert_eq!(b.get_many(&["k"]).unwrap(), [None], "{what}");
                // And nothing is in the way of a new one.
                assert_eq!(b.has_many(&["k"]).unwrap(), [false], "{what}");
                assert!(b.compare_and_set("k", None, &fresh, None).unwrap(), "{what}");
                assert_eq!(b.get_many(&["k"]).unwrap(), [Some(fresh.clone())], "{what}");
                b.delete_many(&["k"]).unwrap();
                for (server, name) in chunks(&servers) {
                    tell(&servers, server, &format!("delete {name}\r\n"));
                }
            }
        }
    }
}

/// A manifest that says what is not so.
#[test]
fn a_lying_manifest_is_a_miss() {
    let Some(servers) = Memcached::start(1) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        let (value, mut hits) = (pattern(4500, 1), 0);
        b.set_many(&[("k", &value)], None).unwrap();
        let bytes = {
            let client = memcache::Client::with_pool_size(
                format!("memcache://{}?timeout=5&protocol=ascii", servers.node(0).address()),
                1,
            );
            client.unwrap()
        };
        let whole: Vec<u8> = bytes.get("k").unwrap().unwrap();
        for at in 29..whole.len() {
            let mut lie = whole.clone();
            lie[at] ^= 0xff;
            bytes.set("k", &lie[..], 0).unwrap();
            let found = b.get_many(&["k"]).unwrap();
            // A lie may do no harm, as one about bytes that are there for comparing only.
            assert!(found == [None] || found == [Some(value.clone())], "{flavour}, byte {at}");
            hits += usize::from(found != [None]);
        }
        assert!(hits < 70, "{flavour}: {hits}");
        for length in 29..89 {
            bytes.set("k", &whole[..length], 0).unwrap();
            assert_eq!(b.get_many(&["k"]).unwrap(), [None], "{flavour}, {length} bytes");
        }
    }
}

#[test]
fn a_shorter_value_leaves_nothing_of_the_longer_one() {
    let Some(servers) = Memcached::start(2) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        for length in [31_000, 2500, 10, 5000, 0, 1000, 1001] {
            let value = pattern(length, 9);
            assert_eq!(b.set_many(&[("k", &value)], None).unwrap(), [true]);
            assert_eq!(b.get_many(&["k"]).unwrap(), [Some(value)], "{flavour}, {length}");
            let expected = if length > 1000 { length.div_ceil(1000) } else { 0 };
            assert_eq!(chunks(&servers).len(), expected, "{flavour}, {length}");
        }
        b.delete_many(&["k"]).unwrap();
    }
}

/// Case 350 and the limit: too many chunks are refused before anything is written.
#[test]
fn too_many_chunks_are_refused_and_the_old_value_stays() {
    let Some(servers) = Memcached::start(2) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        let (most, more) = (pattern(32_000, 1), pattern(32_001, 1));
        assert_eq!(b.set_many(&[("k", &most)], None).unwrap(), [true], "{flavour}");
        let before = chunks(&servers);
        assert_eq!(b.set_many(&[("k", &more), ("l", b"1")], None).unwrap(), [false, true], "{flavour}");
        assert_eq!(b.add("m", &more, None).map_err(|e| e.kind()), Err(ErrorKind::NoSpace), "{flavour}");
        let answer = b.compare_and_set("k", Some(Seen::new(&most[..5])), &more, None);
        assert_eq!(answer.map_err(|e| e.kind()), Err(ErrorKind::NoSpace), "{flavour}");
        assert_eq!(b.get_many(&["k", "m"]).unwrap(), [Some(most), None], "{flavour}");
        assert_eq!(chunks(&servers), before, "{flavour}");
        b.delete_many(&["k", "l"]).unwrap();
    }
}

/// With the sizes that are set unless others are: up to 32 MB, in servers that keep 1 MiB.
#[test]
fn thirty_megabytes_with_the_default_sizes() {
    let Some(servers) = Memcached::builder().instances(2).memory_mb(256).start() else { return };
    for (flavour, b) in caches(&servers, Spread::default()) {
        for length in [1_000_000, 1_000_001, 1_048_576, 31_999_999] {
            let value = pattern(length, 4);
            let start = Instant::now();
            assert_eq!(b.set_many(&[("k", &value)], None).unwrap(), [true], "{flavour}, {length}");
            let (stored, read) = (start.elapsed(), Instant::now());
            assert!(b.get_many(&["k"]).unwrap() == [Some(value)], "{flavour}, {length}");
            println!("{flavour}, {length} bytes: stored in {stored:?}, read in {:?}", read.elapsed());
        }
    }
}

/// A reader finds whole values while others replace them all the time.
#[test]
fn readers_see_whole_values_only() {
    let Some(servers) = Memcached::start(2) else { return };
    for (flavour, b) in caches(&servers, SPREAD) {
        let value = |n: u8| pattern(3000 + 700 * usize::from(n), n);
        b.set_many(&[("k", &value(0))], None).unwrap();
        let end = Instant::now() + Duration::from_secs(2);
        let reads: usize = thread::scope(|scope| {
            for n in 0..3 {
                let b = &b;
                scope.spawn(move || {
                    while Instant::now() < end {
                        b.set_many(&[("k", &value(n))], None).unwrap();
                    }
                });
            }
            let reader = || {
                let mut reads = 0;
                while Instant::now() < end {
                    let found =
                        b.get_many(&["k"]).unwrap().pop().flatten().expect("it was gone for a moment");
                    assert!((0..3).any(|n| found == value(n)), "{flavour}: a mixed value");
                    reads += 1;
                }
                reads
            };
            let readers = [scope.spawn(reader), scope.spawn(reader)];
            readers.into_iter().map(|reader| reader.join().unwrap()).sum()
        });
        println!("{flavour}: {reads} reads of a spread value under 3 writers, all whole");
    }
}
