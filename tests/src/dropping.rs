//! Callers that go away in the middle of an operation: nobody else gets their replies.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use cachekit_backends::{Answer, Backend, Result, Seen};

use crate::flavours::poll_by_hand;

/// More than any operation has.
const AWAIT_POINTS: usize = 7;
const ROUNDS: usize = 40;

type Begin = for<'a> fn(&'a dyn Backend, &'a [&'a str]) -> Begun<'a>;

/// An operation on its way, whatever it comes to.
struct Begun<'a>(Pin<Box<dyn Future<Output = ()> + Send + 'a>>);

fn begun<'a, T: Send + 'a>(answer: Answer<'a, Result<T>>) -> Begun<'a>
where
    Answer<'a, Result<T>>: Future,
{
    Begun(Box::pin(async move { drop(answer.await) }))
}

const LARGE: [u8; 700] = [b'x'; 700];

const OPERATIONS: [(&str, Begin); 10] = [
    ("get_many", |b, keys| begun(b.get_many_async(keys))),
    ("read_many", |b, keys| begun(b.read_many_async(keys))),
    ("has_many", |b, keys| begun(b.has_many_async(keys))),
    ("add_and_read", |b, keys| begun(b.add_and_read_async(&[("dropped/new", b"lost", None)], keys))),
    ("set_many", |b, _| begun(b.set_many_async(&[("dropped/a", &LARGE), ("dropped/b", b"lost")], None))),
    ("add", |b, _| begun(b.add_async("dropped/c", &LARGE, None))),
    ("compare_and_set", |b, _| {
        begun(b.compare_and_set_async("dropped/a", Some(Seen::new(b"x")), &LARGE, None))
    }),
    ("delete_many", |b, _| begun(b.delete_many_async(&["dropped/a", "dropped/b"]))),
    ("increment", |b, _| begun(b.increment_async("dropped/n", 1, Some(Duration::from_secs(60))))),
    ("clear", |b, _| begun(b.clear_async("dropped/"))),
];

/// Drops every operation after every number of polls, while others ask and check what they get.
///
/// # Panics
///
/// When somebody gets what is not theirs.
pub fn drop_everywhere(label: &str, cache: &dyn Backend) {
    let keys: Vec<String> = (0..8).map(|n| format!("kept/{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    cache.set_many(&items, None).expect("the values");
    let (dropped, answers) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        // Others ask at the same time, and get what is theirs.
        for reader in 0..2_usize {
            let (keys, answers) = (&keys, &answers);
            scope.spawn(move || {
                for n in 0..ROUNDS * AWAIT_POINTS {
                    let key = keys[(n + reader) % keys.len()];
                    let found = poll_by_hand(cache.get_many_async(&[key])).expect("an answer");
                    assert_eq!(found, [Some(key.as_bytes().to_vec())], "{label}");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..ROUNDS {
            for polls in 0..AWAIT_POINTS {
                for (_, begin) in OPERATIONS {
                    let mut operation = begin(cache, &keys).0;
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
                let found = poll_by_hand(cache.get_many_async(&[key])).expect("an answer");
                assert_eq!(found, [Some(key.as_bytes().to_vec())], "{label}");
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    println!("{label}: {dropped:?} operations dropped, {answers:?} answers of others, all their own");
}
