//! How long the server itself keeps entries, and that it is not the server's clock which decides.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::Backend;
use cachekit_tests::servers::Memcached;

use crate::support::{cache, flavours};

const DAY: u64 = 86_400;

/// The seconds that the server says it will keep an entry; `None` for ever.
fn left(servers: &Memcached, key: &str) -> Option<u64> {
    let mut stream = servers.node(0).connect();
    stream.write_all(format!("mg {key} t\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim().strip_prefix("HD t").unwrap_or_else(|| panic!("{line:?}")).parse().ok()
}

/// Cases 66 and 67: beyond 30 days a server takes a number of seconds for a date.
#[test]
fn lifetimes_around_thirty_days() {
    let Some(servers) = Memcached::start(1) else { return };
    for (flavour, b) in flavours(Arc::new(cache(&servers))) {
        for seconds in
            [60, 30 * DAY - 2, 30 * DAY - 1, 30 * DAY, 30 * DAY + 1, 31 * DAY, 400 * DAY, 3650 * DAY]
        {
            let lifetime = Some(Duration::from_secs(seconds));
            b.set_many(&[("set", b"v")], lifetime).unwrap();
            b.delete_many(&["added", "counted", "compared"]).unwrap();
            assert!(b.add("added", b"v", lifetime).unwrap());
            b.increment("counted", 1, lifetime).unwrap();
            assert!(b.compare_and_set("compared", None, b"v", lifetime).unwrap());
            for key in ["set", "added", "counted", "compared"] {
                assert_eq!(b.has_many(&[key]).unwrap(), [true], "{flavour}, {key}, {seconds} s");
                let left = left(&servers, key).unwrap();
                assert!(
                    (seconds - 2..=seconds + 3).contains(&left),
                    "{flavour}, {key}: {left} of {seconds} s"
                );
            }
        }
        b.set_many(&[("for ever", b"v"), ("ever", b"v")], None).unwrap();
        assert_eq!(left(&servers, "ever"), None);
    }
}

/// A server's clock ticks once in a second, so that it would drop an entry of one second after any part of it.
#[test]
fn a_second_is_a_second() {
    let Some(servers) = Memcached::start(1) else { return };
    let b = cache(&servers);
    let lifetime = Duration::from_millis(1000);
    let (mut seen, start) = (Vec::new(), Instant::now());
    while start.elapsed() < Duration::from_secs(3) {
        // Its life begins somewhere between these two.
        let asked = Instant::now();
        b.set_many(&[("k", b"v")], Some(lifetime)).unwrap();
        let stored = Instant::now();
        let (mut last, mut question) = (Duration::ZERO, Duration::ZERO);
        while b.has_many(&["k"]).unwrap() == [true] {
            last = question;
            thread::sleep(Duration::from_millis(2));
            question = stored.elapsed();
        }
        seen.push((last, asked.elapsed()));
    }
    println!("last seen alive and first seen dead, of 1 s: {seen:?}");
    for (alive, dead) in seen {
        assert!(
            dead >= Duration::from_millis(980) && alive <= Duration::from_millis(1010),
            "{alive:?}, {dead:?}"
        );
    }
}

/// The server keeps what is left of a counter's lifetime, not the whole of it again.
#[test]
fn a_counter_keeps_what_is_left() {
    let Some(servers) = Memcached::start(1) else { return };
    for (flavour, b) in flavours(Arc::new(cache(&servers))) {
        b.set_many(&[("n", b"1")], Some(Duration::from_secs(100))).unwrap();
        thread::sleep(Duration::from_millis(2100));
        assert_eq!(b.increment("n", 1, Some(Duration::from_secs(5000))).unwrap(), 2);
        let left = left(&servers, "n").unwrap();
        assert!((96..=100).contains(&left), "{flavour}: {left}");
    }
}
