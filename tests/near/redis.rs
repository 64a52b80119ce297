//! On Redis, with whatever goes wrong between it and this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use ::redis::cmd;
use cachekit::testing::Scope;
use cachekit::{Cache, delete_memoized, memoize};
use cachekit_backends::{Address, Backend, Deadlines, RedisConfig, Tls};
use cachekit_tests::flavours::{PATIENT, address, poll_by_hand, until};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::{Cluster, Redis, RedisTls, Sentinel};
use cachekit_tests::watch::Watch;

use crate::spy::Spy;

const LIMIT: Duration = Duration::from_secs(20);

/// One truth for each test, and one argument.
static TRUTH: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

#[memoize(near, timeout = 600)]
fn value(n: usize) -> u64 {
    TRUTH[n].load(SeqCst)
}

fn change(n: usize) -> u64 {
    TRUTH[n].fetch_add(1, SeqCst) + 1
}

/// Closes all connections on which that server tells of changes.
pub(crate) fn kill_listeners(server: &Redis) {
    let mut connection = server.connection();
    let clients: String = cmd("CLIENT").arg("LIST").query(&mut connection).unwrap();
    let listeners = clients.lines().filter(|client| client.contains("name=cachekit-near"));
    for id in listeners.filter_map(|client| client.split(' ').next()?.strip_prefix("id=")) {
        // Who is gone already need not be killed.
        let _: i64 = cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(&mut connection).unwrap();
    }
}

/// A process, with a spy before its backend.
struct Process {
    spy: Spy,
    scope: Scope,
}

impl Process {
    fn new(config: RedisConfig) -> Self {
        let (cache, spy) = Spy::before(Arc::new(config.build().unwrap()), "near:");
        Self { spy, scope: Scope::new(cache) }
    }

    fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.scope.run(call)
    }

    /// Calls until the value is near.
    fn settle(&self, n: usize) -> Duration {
        until(LIMIT, || self.spy.is_near(|| self.run(|| value(n))))
    }

    fn forget(&self, n: usize) {
        until(LIMIT, || self.run(|| delete_memoized!(value, n)).is_ok());
    }

    fn began(&self) -> usize {
        self.spy.seen.began.load(SeqCst)
    }

    fn ended(&self) -> usize {
        self.spy.seen.ended.load(SeqCst)
    }
}

fn config(server: &Redis) -> RedisConfig {
    RedisConfig::new(address(server.address())).deadlines(PATIENT)
}

/// The reply to a read is held up; the message that its value is gone passes it.
#[test]
fn a_message_overtakes_a_reply() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let here = Process::new(RedisConfig::new(address(proxy.address())).deadlines(PATIENT));
    let there = Process::new(config(&server));
    here.settle(15);
    let (told, mut overtaken) = (|| here.spy.seen.told_if(|_| true), 0);
    for round in 0..100 {
        let old = there.run(|| value(0));
        proxy.reset_counts();
        proxy.set(Fault::Delay(Duration::from_millis(800)));
        thread::scope(|scope| {
            let late = scope.spawn(|| here.run(|| value(0)));
            until(LIMIT, || proxy.counts().requests > 0);
            // The proxy has the reply by now, and passes on at once what comes from here on.
            thread::sleep(Duration::from_millis(30));
            proxy.set(Fault::Pass);
            let (before, new) = (told(), change(0));
            there.forget(0);
            until(LIMIT, || told() > before || here.began() > 1 || late.is_finished());
            // Not where the proxy held up the message as well, or had no reply to hold up yet.
            let is_overtaken = told() > before && !late.is_finished();
            let found = late.join().unwrap();
            assert!(found == old || !is_overtaken, "round {round}: what was asked before");
            until(LIMIT, || told() > before || here.began() > 1);
            assert_eq!(here.run(|| value(0)), new, "round {round}: was not kept");
            overtaken += usize::from(is_overtaken);
        });
        here.forget(0);
        if overtaken == 5 {
            return println!("{overtaken} replies of {} were overtaken", round + 1);
        }
    }
    panic!("only {overtaken} replies were overtaken");
}

#[test]
fn a_connection_that_dies_without_a_sign_is_noticed() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let here = Process::new(RedisConfig::new(address(proxy.address())));
    let there = Process::new(config(&server));
    let pass_again = || {
        proxy.set(Fault::Pass);
        proxy.reset_connections();
        here.settle(1)
    };
    for _ in 0..10 {
        here.settle(1);
        let (old, ended) = (TRUTH[1].load(SeqCst), here.ended());
        proxy.set(Fault::BlackHole);
        let new = change(1);
        there.forget(1);
        let watch = Watch::start();
        if here.run(|| value(1)) != old {
            // The message of its own write came only after it was near, as on a machine without a free processor.
            pass_again();
            continue;
        }
        until(LIMIT, || here.ended() > ended);
        let noticed = watch.elapsed();
        assert_eq!(here.run(|| value(1)), new, "what was near is forgotten");
        println!("a connection that died without a sign was noticed after {noticed:?}");
        // Two seconds, and what a busy machine adds.
        assert!(noticed < Duration::from_secs(6), "{noticed:?}");
        println!("values are near again {:?} after it passes again", pass_again());
        return;
    }
    panic!("in none of ten rounds was the value still near when its server fell silent");
}

#[test]
fn a_server_that_is_started_anew() {
    let Some(server) = Redis::start() else { return };
    let here = Process::new(config(&server).deadlines(Deadlines::default()));
    for round in 0..3 {
        here.settle(2);
        let (ended, new) = (here.ended(), change(2));
        server.kill();
        let noticed = until(LIMIT, || here.ended() > ended);
        assert_eq!(here.run(|| value(2)), new, "round {round}: what was near is forgotten");
        assert!(!here.spy.is_near(|| here.run(|| value(2))), "round {round}: and nothing is near");
        server.restart();
        let back = here.settle(2);
        println!("noticed {noticed:?} after the server was killed, values near {back:?} after its start");
    }
}

#[test]
fn a_database_that_is_emptied() {
    let Some(server) = Redis::start() else { return };
    let here = Process::new(config(&server));
    for command in ["FLUSHDB", "FLUSHALL"] {
        here.settle(3);
        let (ended, new) = (here.ended(), change(3));
        cmd(command).exec(&mut server.connection()).unwrap();
        until(LIMIT, || here.ended() > ended);
        assert_eq!(here.run(|| value(3)), new, "{command}");
    }
}

/// The server says that a value expired or was evicted, and near values follow.
#[test]
fn what_the_server_removes_by_itself_is_not_near() {
    let Some(server) = Redis::start() else { return };
    let here = Process::new(config(&server));
    here.settle(4);
    let key = here.run(|| format!("near:{}", value::make_cache_key(4)));
    let mut connection = server.connection();
    let (told, new) = (here.spy.seen.told(std::slice::from_ref(&key)), change(4));
    cmd("PEXPIRE").arg(&key).arg(50).exec(&mut connection).unwrap();
    until(LIMIT, || here.spy.seen.told(std::slice::from_ref(&key)) > told + 1);
    assert_eq!(here.run(|| value(4)), new);
}

/// Sockets, logins, TLS, other databases.
#[test]
fn on_every_way_to_a_server() {
    let (Some(plain), Some(tls)) = (
        Redis::builder().unix_socket().password("s3cret").user("u", "p", "~near:* &* +@all").start(),
        RedisTls::builder().require_client_certificate().start(),
    ) else {
        return;
    };
    let trusting = Tls::trusting(tls.ca()).unwrap();
    let trusting = trusting.identity(tls.client_certificate(), tls.client_key()).unwrap();
    let socket = Address::Unix(plain.socket().unwrap().clone());
    for (name, config) in [
        ("a socket", RedisConfig::new(socket).password("s3cret").database(3)),
        ("a user", RedisConfig::new(address(plain.address())).username("u").password("p")),
        ("TLS", RedisConfig::new(address(tls.address())).tls(trusting)),
    ] {
        let (here, there) =
            (Process::new(config.clone().deadlines(PATIENT)), Process::new(config.deadlines(PATIENT)));
        here.settle(5);
        let (told, new) = (here.spy.seen.told_if(|_| true), change(5));
        there.forget(5);
        until(LIMIT, || here.spy.seen.told_if(|_| true) > told);
        assert_eq!(here.run(|| value(5)), new, "{name}");
    }
}

/// A user who may not use what it takes: nothing is near, and all else works.
#[test]
fn without_leave_nothing_is_near() {
    let Some(server) = Redis::builder().user("u", "p", "~* &* +@all -client").start() else { return };
    let here = Process::new(config(&server).username("u").password("p"));
    here.run(|| value(6));
    for _ in 0..20 {
        assert!(!here.spy.is_near(|| here.run(|| value(6))));
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(here.began(), 0);
}

/// Connections that were handed in cannot be told on: values are near for a moment.
#[test]
fn over_a_client_of_the_users_values_are_near_for_a_moment() {
    let Some(server) = Redis::start() else { return };
    let client = ::redis::Client::open(server.url()).unwrap();
    let config = RedisConfig::from_client(client).deadlines(PATIENT);
    assert!(!config.clone().build().unwrap().capability().watches);
    let (here, there) = (Process::new(config.clone()), Process::new(config));
    here.settle(7);
    let new = change(7);
    there.forget(7);
    let watch = Watch::start();
    until(LIMIT, || here.run(|| value(7)) == new);
    assert!(watch.elapsed() < Duration::from_secs(2), "{:?}", watch.elapsed());
}

/// Who listens costs the server one connection, and it is closed with the cache.
#[test]
fn one_connection_listens_for_a_cache() {
    let Some(server) = Redis::start() else { return };
    let listeners = || -> usize {
        let clients: String = cmd("CLIENT").arg("LIST").query(&mut server.connection()).unwrap();
        clients.lines().filter(|client| client.contains("name=cachekit-near")).count()
    };
    #[memoize(near)]
    fn other(n: u64) -> u64 {
        n
    }
    {
        let here = Process::new(config(&server));
        here.settle(8);
        here.run(|| other(1));
        assert_eq!(listeners(), 1);
    }
    until(LIMIT, || listeners() == 0);
}

#[test]
fn a_master_that_is_killed() {
    let Some(sentinel) = Sentinel::start() else { return };
    let config =
        || RedisConfig::sentinel(sentinel.sentinel_addresses().into_iter().map(address), Sentinel::SERVICE);
    let (here, there) = (Process::new(config()), Process::new(config()));
    here.settle(9);
    let ended = here.ended();
    sentinel.master().kill();
    until(LIMIT, || here.ended() > ended);
    let new = change(9);
    there.forget(9);
    assert_eq!(here.run(|| value(9)), new, "the next master is asked, or none");
    println!("values are near again {:?} after another master took its place", here.settle(9));
    let (told, new) = (here.spy.seen.told_if(|_| true), change(9));
    there.forget(9);
    until(LIMIT, || here.spy.seen.told_if(|_| true) > told);
    assert_eq!(here.run(|| value(9)), new, "and it tells of changes");
}

#[test]
fn a_master_that_steps_down() {
    let Some(sentinel) = Sentinel::start() else { return };
    let config =
        || RedisConfig::sentinel(sentinel.sentinel_addresses().into_iter().map(address), Sentinel::SERVICE);
    let (here, there) = (Process::new(config()), Process::new(config()));
    here.settle(10);
    let (before, ended) = (sentinel.master().port(), here.ended());
    let mut asked = ::redis::Client::open(format!("redis://{}", sentinel.sentinel(0).address()))
        .unwrap()
        .get_connection()
        .unwrap();
    cmd("SENTINEL").arg("FAILOVER").arg(Sentinel::SERVICE).exec(&mut asked).unwrap();
    until(LIMIT, || sentinel.master().port() != before);
    // The old one does not know yet. A connection that is made anew leads to the new one, of whose changes nobody tells here.
    let old = (0..3).map(|index| sentinel.data(index)).find(|node| node.port() == before).unwrap();
    let mut connection = sentinel.connection(old);
    let clients: String = cmd("CLIENT").arg("LIST").query(&mut connection).unwrap();
    let own: u64 = cmd("CLIENT").arg("ID").query(&mut connection).unwrap();
    for client in clients.lines().filter(|client| !client.contains("name=cachekit-near")) {
        let id = client.split(' ').next().and_then(|word| word.strip_prefix("id=")).unwrap();
        if id != own.to_string() && client.contains("flags=N") {
            let _: i64 = cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(&mut connection).unwrap();
        }
    }
    until(LIMIT, || here.run(here_again) == 0);
    assert!(here.ended() > ended, "what was near is forgotten before the new one is asked");
    sentinel.wait_until_settled();
    let new = change(10);
    there.forget(10);
    until(LIMIT, || here.run(|| value(10)) == new);
    here.settle(10);
    let (told, new) = (here.spy.seen.told_if(|_| true), change(10));
    there.forget(10);
    until(LIMIT, || here.spy.seen.told_if(|_| true) > told);
    assert_eq!(here.run(|| value(10)), new);
}

/// What is not near, so that a server is asked.
fn here_again() -> u64 {
    #[memoize(timeout = 600)]
    fn distant() -> u64 {
        0
    }
    distant::delete_memoized().ok();
    distant()
}

/// The slot of a value goes to another node, with the value in it.
#[test]
fn a_slot_that_moves() {
    let Some(cluster) = Cluster::start() else { return };
    let config = || RedisConfig::cluster([address(cluster.node(0).address())]).deadlines(PATIENT);
    let (here, there) = (Process::new(config()), Process::new(config()));
    here.settle(11);
    let key = here.run(|| format!("near:{}", value::make_cache_key(11)));
    for round in 0..3 {
        let owner = cluster.owner(key.as_bytes()).port();
        let from = (0..3).find(|node| cluster.node(*node).port() == owner).unwrap();
        cluster.move_slot(&key, from, (from + 1) % 3);
        // What this process knows of the slots is out of date until it asks.
        let new = change(11);
        let told = here.spy.seen.told(std::slice::from_ref(&key));
        there.forget(11);
        until(LIMIT, || here.spy.seen.told(std::slice::from_ref(&key)) > told);
        assert_eq!(here.run(|| value(11)), new, "round {round}");
        here.settle(11);
        assert_eq!(here.run(|| value(11)), new, "round {round}");
    }
    println!("{} times changes could not be told while slots moved", here.ended());
    assert!(here.ended() > 0, "what was read where nobody told of it was not kept");
}

/// One node of several is enough.
#[test]
fn a_node_that_is_gone() {
    let Some(cluster) = Cluster::start() else { return };
    let here = Process::new(RedisConfig::cluster([address(cluster.node(0).address())]));
    here.settle(12);
    let (ended, new) = (here.ended(), change(12));
    let key = here.run(|| format!("near:{}", value::make_cache_key(12)));
    let owner = cluster.owner(key.as_bytes());
    owner.kill();
    until(LIMIT, || here.ended() > ended);
    assert_eq!(here.run(|| value(12)), new);
    owner.restart();
    cluster.wait_until_ok();
    here.settle(12);
}

#[test]
fn for_async_callers() {
    #[memoize(near, timeout = 600)]
    async fn value(n: usize) -> u64 {
        TRUTH[n].load(SeqCst)
    }
    let Some(server) = Redis::start() else { return };
    let (here, there) = (Process::new(config(&server)), Process::new(config(&server)));
    let call = || here.run(|| poll_by_hand(value(14)));
    for _ in 0..20 {
        until(LIMIT, || here.spy.is_near(call));
        let (told, new) = (here.spy.seen.told_if(|_| true), change(14));
        there.run(|| poll_by_hand(delete_memoized!(value, 14))).unwrap();
        until(LIMIT, || here.spy.seen.told_if(|_| true) > told);
        assert_eq!(call(), new);
    }
}

/// What a cache has under one prefix does not concern one that has another.
#[test]
fn other_prefixes_are_not_told_of() {
    let Some(server) = Redis::start() else { return };
    let here = Process::new(config(&server));
    here.settle(13);
    let told = here.spy.seen.told_if(|_| true);
    let others = Cache::builder().backend(config(&server).build().unwrap()).key_prefix("nea").build();
    (0..100).for_each(|n| others.set(&format!("x{n}"), &n, 60).unwrap());
    here.spy.backend.set_many(&[("near:marker", b"x")], None).unwrap();
    until(LIMIT, || here.spy.seen.told_if(|key| key == "near:marker") > 0);
    assert_eq!(here.spy.seen.told_if(|_| true), told + 1);
}
