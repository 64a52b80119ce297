//! Replies that are cut off, garbled, of another shape, or too many: never a wrong value, and hits come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit_backends::RedisConfig;
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::Redis;

use crate::support::{address, flavours, until};

const KEYS: usize = 16;

fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::Garbage,
        Fault::Reset,
        Fault::BlackHole,
        Fault::Delay(Duration::from_millis(300)),
        Fault::Dribble(Duration::from_millis(3)),
    ];
    for bytes in [0, 1, 5, 9, 14, 33] {
        faults.extend([Fault::CutAndHang(bytes), Fault::CutAndClose(bytes)]);
    }
    for answer in [
        "+OK\r\n",
        ":1\r\n",
        "$3\r\nlie\r\n",
        "*0\r\n",
        "*2\r\n$3\r\nlie\r\n$3\r\nlie\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*1\r\n$3\r\nlie\r\n",
        "*1\r\n$-1\r\n+OK\r\n",
        "$9223372036854775807\r\n",
        "*1000000000\r\n",
        "*-7\r\n",
        "!5\r\nwrong\r\n",
        ">2\r\n+message\r\n+lie\r\n",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        "\r\n\r\n",
        "\0\0\0\0",
    ] {
        faults.push(Fault::answer(answer));
    }
    faults
}

#[test]
fn whatever_a_server_answers_no_value_is_wrong() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let value = |key: &str| format!("the value of {key}").into_bytes();
    let keys: Vec<String> = (0..KEYS).map(|n| format!("key {n}")).collect();
    let cache = RedisConfig::new(address(proxy.address())).build().unwrap();
    for (flavour, backend) in flavours(Arc::new(cache)) {
        let (reads, hits, wrong) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let over = AtomicBool::new(false);
        for key in &keys {
            until(Duration::from_secs(5), || backend.set_many(&[(key, &value(key))], None).is_ok());
        }
        thread::scope(|scope| {
            for reader in 0..4 {
                let (backend, keys, reads, hits, wrong, over) =
                    (&backend, &keys, &reads, &hits, &wrong, &over);
                scope.spawn(move || {
                    for n in (reader..).take_while(|_| !over.load(Ordering::Relaxed)) {
                        let key = &keys[n % KEYS];
                        reads.fetch_add(1, Ordering::Relaxed);
                        if let Ok(found) = backend.get_many(&[key]) {
                            match found.as_slice() {
                                [Some(found)] if *found == value(key) => hits.fetch_add(1, Ordering::Relaxed),
                                // A lie of the right shape is a lie that nobody can see.
                                [None] => 0,
                                _ => wrong.fetch_add(1, Ordering::Relaxed),
                            };
                        }
                        thread::sleep(Duration::from_micros(300));
                    }
                });
            }
            for fault in faults() {
                proxy.set(fault.clone());
                thread::sleep(Duration::from_millis(60));
                proxy.set(Fault::Pass);
                let back = until(Duration::from_secs(5), || {
                    backend.get_many(&[&keys[0]]).is_ok_and(|found| found == [Some(value(&keys[0]))])
                });
                println!("{flavour}, {fault:?}: hits {back:?} after the end");
            }
            over.store(true, Ordering::Relaxed);
        });
        println!("{flavour}: {reads:?} reads, {hits:?} hits, {wrong:?} wrong");
        assert_eq!(wrong.into_inner(), 0, "{flavour}");
        assert!(hits.into_inner() > 100, "{flavour}");
    }
}

/// A reply too many would be the reply to the next request; a blocking connection is not used again after it.
#[test]
fn a_reply_too_many_is_nobodys() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    for (flavour, backend) in flavours(Arc::new(RedisConfig::new(address(proxy.address())).build().unwrap()))
    {
        until(Duration::from_secs(5), || backend.set_many(&[("k", b"true"), ("l", b"also")], None).is_ok());
        proxy.set(Fault::answer("*1\r\n$4\r\ntrue\r\n*1\r\n$3\r\nlie\r\n"));
        let _ = backend.get_many(&["k"]);
        proxy.set(Fault::Pass);
        for n in 0..50 {
            let key = if n % 2 == 0 { "k" } else { "l" };
            let expected = if n % 2 == 0 { "true" } else { "also" };
            if let Ok(found) = backend.get_many(&[key]) {
                assert_eq!(found, [Some(expected.into())], "{flavour}, read {n}");
            }
        }
    }
}
