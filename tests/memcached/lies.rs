//! Replies that are cut off, garbled, of another shape, late or too many: never a wrong value, and hits come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit_backends::{MemcachedConfig, Spread};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::Memcached;

use crate::support::{address, flavours, until};

const KEYS: usize = 16;

/// A reply of the binary protocol: opcode, status, extras, a length that may not be true, and what follows.
fn reply(opcode: u8, status: u16, extras: u8, length: u32, opaque: u32, body: &[u8]) -> Vec<u8> {
    let mut reply = vec![0x81, opcode, 0, 0, extras, 0];
    reply.extend(status.to_be_bytes());
    reply.extend(length.to_be_bytes());
    reply.extend(opaque.to_be_bytes());
    reply.extend(1_u64.to_be_bytes());
    reply.extend(body);
    reply
}

fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::Garbage,
        Fault::Reset,
        Fault::BlackHole,
        Fault::Delay(Duration::from_millis(300)),
        Fault::Dribble(Duration::from_millis(3)),
    ];
    for bytes in [0, 1, 23, 24, 25, 28, 60, 100] {
        faults.extend([Fault::CutAndHang(bytes), Fault::CutAndClose(bytes)]);
    }
    for answer in
        ["ERROR\r\n", "SERVER_ERROR out of memory\r\n", "END\r\n", "VALUE key:0 0 3\r\nlie\r\nEND\r\n"]
    {
        faults.push(Fault::Answer(answer.as_bytes().into()));
    }
    // Hits and misses that nobody asked for, and lengths up to 4 GiB.
    for opcode in [0x00, 0x09, 0x01, 0x0d] {
        for length in [0, 4, 7, 1 << 20, 1 << 30, u32::MAX] {
            for opaque in [0, 1, u32::MAX] {
                faults.push(Fault::Answer(reply(opcode, 0, 4, length, opaque, b"\0\0\0\0lie").into()));
            }
        }
        faults.push(Fault::Answer(reply(opcode, 1, 0, 9, 0, b"Not found").into()));
    }
    faults
}

#[test]
fn whatever_a_server_answers_no_value_is_wrong() {
    let Some(servers) = Memcached::start(1) else { return };
    let proxy = Proxy::new(servers.node(0).address());
    let value = |key: &str| format!("the value of {key}").into_bytes();
    let keys: Vec<String> = (0..KEYS).map(|n| format!("key:{n}")).collect();
    let config = MemcachedConfig::new([address(proxy.address())]);
    // Every other key has a value of two chunks.
    let cache = config.spread(Spread { chunk_size: 18, max_chunks: 32 }).build().unwrap();
    for (flavour, backend) in flavours(Arc::new(cache)) {
        let (reads, hits, wrong) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let slowest = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        for key in &keys {
            until(Duration::from_secs(5), || {
                backend.set_many(&[(key, &value(key))], None).is_ok_and(|stored| stored == [true])
            });
        }
        thread::scope(|scope| {
            for reader in 0..4 {
                let (backend, keys, reads, hits, wrong, over, slowest) =
                    (&backend, &keys, &reads, &hits, &wrong, &over, &slowest);
                scope.spawn(move || {
                    for n in (reader..).take_while(|_| !over.load(Ordering::Relaxed)) {
                        let key = &keys[n % KEYS];
                        reads.fetch_add(1, Ordering::Relaxed);
                        let start = std::time::Instant::now();
                        if let Ok(found) = backend.get_many(&[key]) {
                            match found.as_slice() {
                                [Some(found)] if *found == value(key) => hits.fetch_add(1, Ordering::Relaxed),
                                [None] => 0,
                                _ => wrong.fetch_add(1, Ordering::Relaxed),
                            };
                        }
                        let took = u64::try_from(start.elapsed().as_millis()).unwrap();
                        slowest.fetch_max(took, Ordering::Relaxed);
                        thread::sleep(Duration::from_micros(300));
                    }
                });
            }
            let mut longest = Duration::ZERO;
            for fault in faults() {
                proxy.set(fault.clone());
                thread::sleep(Duration::from_millis(40));
                proxy.set(Fault::Pass);
                let back = until(Duration::from_secs(5), || {
                    backend.get_many(&[&keys[0]]).is_ok_and(|found| found == [Some(value(&keys[0]))])
                });
                longest = longest.max(back);
            }
            println!("{flavour}: hits were back within {longest:?} after each of {} faults", faults().len());
            over.store(true, Ordering::Relaxed);
        });
        println!(
            "{flavour}: {reads:?} reads, {hits:?} hits, {wrong:?} wrong, the slowest took {slowest:?} ms"
        );
        assert_eq!(wrong.into_inner(), 0, "{flavour}");
        assert!(hits.into_inner() > 100, "{flavour}");
    }
}

/// What is said before anything was asked is no reply to what is asked then.
#[test]
fn a_reply_too_many_is_nobodys() {
    let Some(servers) = Memcached::start(1) else { return };
    let proxy = Proxy::new(servers.node(0).address());
    let cache = MemcachedConfig::new([address(proxy.address())]).build().unwrap();
    for (flavour, backend) in flavours(Arc::new(cache)) {
        until(Duration::from_secs(5), || backend.set_many(&[("k", b"true"), ("l", b"also")], None).is_ok());
        let twice = [reply(0, 0, 4, 7, 0, b"\0\0\0\0lie"), reply(0, 0, 4, 7, 0, b"\0\0\0\0lie")].concat();
        proxy.set(Fault::Answer(twice.into()));
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
