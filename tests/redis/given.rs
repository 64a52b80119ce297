//! Clients and connections that the user hands in.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cachekit_backends::{Backend, Deadlines, RedisConfig};
use cachekit_tests::servers::Redis;
use cachekit_tests::watch::Watch;
use redis::{ConnectionLike, RedisResult};

use crate::support::{PATIENT, flavours, poll_by_hand};

/// A pool as a user may have one.
#[derive(Clone)]
pub(crate) struct Pool {
    client: redis::Client,
    idle: Arc<Mutex<Vec<redis::Connection>>>,
}

struct Lent {
    connection: Option<redis::Connection>,
    pool: Pool,
}

impl Pool {
    pub(crate) fn new(client: redis::Client) -> Self {
        Self { client, idle: Arc::default() }
    }

    fn connect(&self) -> RedisResult<redis::Connection> {
        let connection = self.client.get_connection_with_timeout(Duration::from_secs(1))?;
        connection.set_read_timeout(Some(Duration::from_millis(300)))?;
        Ok(connection)
    }

    pub(crate) fn take(&self) -> RedisResult<Box<dyn ConnectionLike + Send>> {
        let idle = self.idle.lock().unwrap().pop();
        let connection = idle.map_or_else(|| self.connect(), Ok)?;
        Ok(Box::new(Lent { connection: Some(connection), pool: self.clone() }))
    }
}

impl Deref for Lent {
    type Target = redis::Connection;

    fn deref(&self) -> &redis::Connection {
        self.connection.as_ref().expect("taken only when dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut redis::Connection {
        self.connection.as_mut().expect("taken only when dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let connection = self.connection.take().filter(ConnectionLike::is_open);
        self.pool.idle.lock().unwrap().extend(connection);
    }
}

#[test]
fn what_was_borrowed_is_given_back() {
    let Some(server) = Redis::start() else { return };
    let pool = Pool::new(redis::Client::open(server.url()).unwrap());
    let lender = pool.clone();
    let cache = RedisConfig::from_connections(move || lender.take()).deadlines(PATIENT).build().unwrap();
    for n in 0..20 {
        cache.set_many(&[("k", b"v")], None).unwrap();
        let found = poll_by_hand(cache.get_many_async(&["k"])).unwrap();
        assert_eq!(found, [Some(b"v".to_vec())], "{n}");
    }
    assert_eq!(pool.idle.lock().unwrap().len(), 1, "one connection is enough for one caller");
}

#[test]
fn a_frozen_server_does_not_hold_up_async_callers_nor_threads_without_end() {
    let Some(server) = Redis::start() else { return };
    let pool = Pool::new(redis::Client::open(server.url()).unwrap());
    let config = RedisConfig::from_connections(move || pool.take()).pool_size(2);
    let short = Deadlines { connect: Duration::from_millis(50), operation: Duration::from_millis(50) };
    let cache = config.deadlines(short).build().unwrap();
    assert_eq!(poll_by_hand(cache.get_many_async(&["k"])).unwrap(), [None]);
    server.pause();
    for _ in 0..10 {
        let start = Watch::start();
        assert!(poll_by_hand(cache.get_many_async(&["k"])).is_err());
        assert!(start.elapsed() < Duration::from_millis(800), "{:?}", start.elapsed());
    }
    server.resume();
    crate::support::until(Duration::from_secs(10), || poll_by_hand(cache.get_many_async(&["k"])).is_ok());
}

#[test]
fn a_client_of_the_users_keeps_the_deadlines() {
    let Some(server) = Redis::start() else { return };
    let config = RedisConfig::from_client(redis::Client::open(server.url()).unwrap());
    let cache = config.build().unwrap();
    cache.set_many(&[("k", b"v")], None).unwrap();
    poll_by_hand(cache.get_many_async(&["k"])).unwrap();
    server.pause();
    let start = Watch::start();
    assert!(cache.get_many(&["k"]).is_err());
    assert!(poll_by_hand(cache.get_many_async(&["k"])).is_err());
    assert!(start.elapsed() < Duration::from_millis(1200), "{:?}", start.elapsed());
    server.resume();
    thread::sleep(Duration::from_millis(100));
    crate::support::until(Duration::from_secs(10), || cache.get_many(&["k"]).is_ok());
    assert_eq!(cache.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())]);
}

/// The third version of the protocol is the client's choice.
#[test]
fn a_client_may_speak_the_newer_protocol() {
    let Some(server) = Redis::start() else { return };
    let client = redis::Client::open(format!("{}/?protocol=resp3", server.url())).unwrap();
    for (flavour, backend) in
        flavours(Arc::new(RedisConfig::from_client(client).deadlines(PATIENT).build().unwrap()))
    {
        assert_eq!(backend.set_many(&[("k", b"v"), ("n", b"1")], None).unwrap(), [true; 2], "{flavour}");
        assert_eq!(backend.get_many(&["k", "none"]).unwrap(), [Some(b"v".to_vec()), None], "{flavour}");
        assert!(!backend.add("k", b"w", None).unwrap(), "{flavour}");
        assert_eq!(backend.increment("n", 1, Some(Duration::from_secs(9))).unwrap(), 2, "{flavour}");
        backend.clear("").unwrap();
        assert_eq!(backend.has_many(&["k", "n"]).unwrap(), [false; 2], "{flavour}");
    }
}
