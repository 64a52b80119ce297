//! Callers that go away in the middle of an operation: nobody else gets their replies.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use cachekit_backends::{Answer, Backend, RedisConfig, Result, Seen};
use cachekit_tests::servers::{Cluster, Redis, Sentinel};

use crate::support::{PATIENT, address, addresses, patient, poll_by_hand};

/// More than any operation has.
const AWAIT_POINTS: usize = 6;
const ROUNDS: usize = 40;

type Begin = for<'a> fn(&'a dyn Backend, &'a [&'a str]) -> Begun<'a>;

/// An operation on its way, whatever it comes to.
struct Begun<'a>(std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>);

fn begun<'a, T: Send + 'a>(answer: Answer<'a, Result<T>>) -> Begun<'a>
where
    Answer<'a, Result<T>>: Future,
{
    Begun(Box::pin(async move { drop(answer.await) }))
}

const OPERATIONS: [(&str, Begin); 9] = [
    ("get_many", |b, keys| begun(b.get_many_async(keys))),
    ("read_many", |b, keys| begun(b.read_many_async(keys))),
    ("add_and_read", |b, keys| begun(b.add_and_read_async(&[("dropped/new", b"lost", None)], keys))),
    ("set_many", |b, _| begun(b.set_many_async(&[("dropped/a", b"lost"), ("dropped/b", b"lost")], None))),
    ("add", |b, _| begun(b.add_async("dropped/c", b"lost", None))),
    ("compare_and_set", |b, _| {
        begun(b.compare_and_set_async("dropped/a", Some(Seen::new(b"lost")), b"lost", None))
    }),
    ("delete_many", |b, _| begun(b.delete_many_async(&["dropped/a", "dropped/b"]))),
    ("increment", |b, _| begun(b.increment_async("dropped/n", 1, Some(Duration::from_secs(60))))),
    ("clear", |b, _| begun(b.clear_async("dropped/"))),
];

fn drop_everywhere(label: &str, backend: &Arc<dyn Backend>) {
    let keys: Vec<String> = (0..8).map(|n| format!("kept/{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    backend.set_many(&items, None).unwrap();
    let (dropped, answers) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        // Others ask at the same time, and get what is theirs.
        for reader in 0..2_usize {
            let (backend, keys, answers) = (backend, &keys, &answers);
            scope.spawn(move || {
                for n in 0..ROUNDS * AWAIT_POINTS {
                    let key = keys[(n + reader) % keys.len()];
                    let found = poll_by_hand(backend.get_many_async(&[key])).unwrap();
                    assert_eq!(found, [Some(key.as_bytes().to_vec())]);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..ROUNDS {
            for polls in 0..AWAIT_POINTS {
                for (_, begin) in OPERATIONS {
                    let mut operation = begin(&**backend, &keys).0;
                    let mut cx = Context::from_waker(Waker::noop());
                    for poll in 0..polls {
                        if operation.as_mut().poll(&mut cx).is_ready() {
                            break;
                        }
                        // Between two polls the exchange may have gone on, or not.
                        if (round + poll) % 3 == 0 {
                            thread::sleep(Duration::from_micros(100));
                        }
                    }
                    drop(operation);
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
                let key = keys[polls % keys.len()];
                let found = poll_by_hand(backend.get_many_async(&[key])).unwrap();
                assert_eq!(found, [Some(key.as_bytes().to_vec())], "{label}");
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    println!("{label}: {dropped:?} operations dropped, {answers:?} answers of others, all their own");
}

#[test]
fn on_one_server() {
    let Some(server) = Redis::start() else { return };
    drop_everywhere("RedisCache", &(Arc::new(patient(server.address())) as Arc<dyn Backend>));
}

#[test]
fn through_what_the_user_hands_in() {
    let Some(server) = Redis::start() else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let cache = RedisConfig::from_client(client.clone()).deadlines(PATIENT).build().unwrap();
    drop_everywhere("a client", &(Arc::new(cache) as Arc<dyn Backend>));
    let pool = crate::given::Pool::new(client);
    let cache = RedisConfig::from_connections(move || pool.take()).deadlines(PATIENT).build().unwrap();
    drop_everywhere("connections", &(Arc::new(cache) as Arc<dyn Backend>));
}

#[test]
fn with_sentinels() {
    let Some(sentinel) = Sentinel::start() else { return };
    let config = RedisConfig::sentinel(addresses(sentinel.sentinel_addresses()), Sentinel::SERVICE);
    let cache = config.deadlines(PATIENT).build().unwrap();
    drop_everywhere("RedisSentinelCache", &(Arc::new(cache) as Arc<dyn Backend>));
}

#[test]
fn on_a_cluster() {
    let Some(cluster) = Cluster::start() else { return };
    let config = RedisConfig::cluster([address(cluster.node(0).address())]);
    let cache = config.deadlines(PATIENT).build().unwrap();
    drop_everywhere("RedisClusterCache", &(Arc::new(cache) as Arc<dyn Backend>));
}
