//! Servers that answer, and say no.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{ErrorKind, RedisConfig, Seen, Tls};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::{Redis, RedisTls, Sentinel};

use crate::support::{PATIENT, address, addresses, flavours, patient, until};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

#[test]
fn a_full_server_is_no_space() {
    let Some(server) =
        Redis::builder().config("maxmemory", "3mb").config("maxmemory-policy", "noeviction").start()
    else {
        return;
    };
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        backend.set_many(&[("small", b"kept"), ("n", b"1")], None).unwrap();
        let big = vec![b'x'; 200_000];
        let keys: Vec<String> = (0..40).map(|n| format!("big {n}")).collect();
        let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), big.as_slice())).collect();
        let stored = backend.set_many(&items, None).unwrap();
        let count = stored.iter().filter(|stored| **stored).count();
        println!("{flavour}: {count} of 40 items had room");
        assert!(count > 0 && count < 40, "{flavour}: {stored:?}");
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        // What it says of each item is so.
        assert_eq!(backend.has_many(&keys).unwrap(), stored, "{flavour}");
        // From now on there is no room for anything.
        limit(&server, "1");
        let kind = |result: cachekit_backends::Result<bool>| result.map_err(|error| error.kind());
        let seen = Some(Seen::new(b"kept"));
        assert_eq!(backend.set_many(&[("small", b"")], None).map_err(|e| e.kind()), Err(ErrorKind::NoSpace));
        assert_eq!(kind(backend.add("new", b"", HOUR)), Err(ErrorKind::NoSpace), "{flavour}");
        assert_eq!(
            kind(backend.compare_and_set("small", seen, b"", None)),
            Err(ErrorKind::NoSpace),
            "{flavour}"
        );
        for lifetime in [None, HOUR] {
            let counted = backend.increment("n", 1, lifetime);
            assert_eq!(counted.map_err(|e| e.kind()), Err(ErrorKind::NoSpace), "{flavour}");
        }
        // What is full can still be read and emptied.
        assert_eq!(backend.get_many(&["small"]).unwrap(), [Some(b"kept".to_vec())], "{flavour}");
        assert_eq!(backend.delete_many(&["small", "n"]).unwrap(), [true; 2], "{flavour}");
        backend.clear("big ").unwrap();
        limit(&server, "3mb");
    }
}

fn limit(server: &Redis, memory: &str) {
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(memory).exec(&mut server.connection()).unwrap();
}

/// What others keep under a key is not ours: it is no value, no counter and no entry that anybody saw.
#[test]
fn case_340_what_is_no_string_is_no_value() {
    let Some(server) = Redis::start() else { return };
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        redis::cmd("RPUSH").arg("list").arg("x").exec(&mut server.connection()).unwrap();
        assert_eq!(backend.get_many(&["list"]).unwrap(), [None], "{flavour}");
        for lifetime in [None, HOUR] {
            let error = backend.increment("list", 1, lifetime).expect_err("a list");
            assert_eq!(error.kind(), ErrorKind::Type, "{flavour}: {error}");
        }
        for head in [&b""[..], b"x"] {
            assert!(
                !backend.compare_and_set("list", Some(Seen::new(head)), b"v", None).unwrap(),
                "{flavour}"
            );
        }
        assert!(!backend.add("list", b"v", None).unwrap(), "{flavour}");
        assert_eq!(backend.delete_many(&["list"]).unwrap(), [true], "{flavour}");
    }
}

/// A user who may do only what a cache needs, on its own keys.
#[test]
fn a_user_may_be_limited_to_a_prefix() {
    let rules = "~flask_* &* -@all +@read +@write +@keyspace +@connection +@transaction +@scripting -flushdb -flushall";
    let Some(server) = Redis::builder().user("cache", "s3cret", rules).start() else { return };
    let config = RedisConfig::new(address(server.address())).username("cache").password("s3cret");
    for (flavour, backend) in flavours(Arc::new(config.deadlines(PATIENT).build().unwrap())) {
        assert_eq!(backend.set_many(&[("flask_a", b"1"), ("flask_b", b"2")], HOUR).unwrap(), [true; 2]);
        assert_eq!(backend.increment("flask_n", 1, HOUR).unwrap(), 1);
        assert!(backend.compare_and_set("flask_a", Some(Seen::new(b"1")), b"2", HOUR).unwrap());
        // Of several items those are stored that may be.
        assert_eq!(backend.set_many(&[("other", b"1"), ("flask_c", b"1")], None).unwrap(), [false, true]);
        assert!(backend.set_many(&[("other", b"1")], None).is_err(), "{flavour}");
        assert!(backend.get_many(&["flask_a", "other"]).is_err(), "{flavour}");
        let error = backend.delete_many(&["other"]).expect_err("not its key");
        assert!(error.to_string().contains("NOPERM"), "{flavour}: {error}");
        // What it may not do does not make the server a bad one.
        for _ in 0..10 {
            assert!(backend.add("other", b"1", None).is_err());
        }
        backend.clear("flask_").unwrap();
        assert_eq!(backend.has_many(&["flask_a", "flask_b", "flask_n"]).unwrap(), [false; 3], "{flavour}");
    }
}

/// A database that may not be used is not replaced by another one.
#[test]
fn a_database_that_is_not_granted_is_an_error() {
    let Some(server) = Redis::builder().user("cache", "s3cret", "~* &* +@all -select").start() else {
        return;
    };
    let config = RedisConfig::new(address(server.address())).username("cache").password("s3cret");
    for (flavour, backend) in flavours(Arc::new(config.database(1).deadlines(PATIENT).build().unwrap())) {
        let error = backend.set_many(&[("k", b"v")], None).expect_err("database 0 is another one");
        assert!(error.to_string().contains("NOPERM"), "{flavour}: {error}");
    }
}

/// Where a user may not have replies tagged, the server is trusted.
#[test]
fn a_user_without_echo_is_served() {
    let Some(server) = Redis::builder().user("cache", "s3cret", "~* &* +@all -echo").start() else { return };
    let config = RedisConfig::new(address(server.address())).username("cache").password("s3cret");
    for (flavour, backend) in flavours(Arc::new(config.deadlines(PATIENT).build().unwrap())) {
        backend.set_many(&[("k", b"v")], None).unwrap();
        assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}");
    }
}

/// A server that does not know the command repeats the tag in saying so.
#[test]
fn a_server_without_echo_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("renamed.conf");
    std::fs::write(&file, "rename-command ECHO \"\"\n").unwrap();
    let Some(server) = Redis::builder().config("include", file.to_str().unwrap()).start() else { return };
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        backend.set_many(&[("k", b"v")], None).unwrap();
        assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}");
    }
}

#[test]
fn case_062_what_another_client_wrote_is_read() {
    let Some(server) = Redis::start() else { return };
    redis::cmd("MSET")
        .arg("raw")
        .arg(b"\x00\xff\r\n")
        .arg("n")
        .arg(42)
        .exec(&mut server.connection())
        .unwrap();
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        let found = backend.get_many(&["raw", "n"]).unwrap();
        assert_eq!(found, [Some(b"\x00\xff\r\n".to_vec()), Some(b"42".to_vec())], "{flavour}");
    }
}

#[test]
fn a_login_that_is_refused_says_so_without_the_password() {
    let Some(server) = Redis::builder().password("right").start() else { return };
    let Some(open) = Redis::start() else { return };
    let config = || RedisConfig::new(address(server.address())).deadlines(PATIENT);
    let client = redis::Client::open(server.url_as("", "wr0ng")).unwrap();
    for (config, says) in [
        (config(), "wants a password"),
        (config().password("wr0ng"), "does not know this user name and password"),
        (config().username("nobody").password("wr0ng"), "does not know this user name and password"),
        (config().password("right").database(99), "no database of this number"),
        (RedisConfig::new(address(open.address())).password("wr0ng"), "the server has none"),
        (RedisConfig::from_client(client), "does not know this user name and password"),
    ] {
        for (flavour, backend) in flavours(Arc::new(config.build().unwrap())) {
            let error = backend.get_many(&["k"]).expect_err("the login must fail");
            let text = format!("{error:#} {error:?} {backend:?}");
            assert!(text.contains(says), "{flavour}: {text}");
            assert!(!text.contains("wr0ng") && !text.contains("right\""), "{flavour}: {text}");
        }
    }
}

/// A password that is set while connections are open is no trouble if it is the one that is configured.
#[test]
fn a_connection_that_has_to_log_in_anew_does() {
    let Some(server) = Redis::builder().password("s3cret").start() else { return };
    let config = RedisConfig::new(address(server.address())).password("s3cret").deadlines(PATIENT);
    let proxy = Proxy::new(server.address());
    let through = RedisConfig::new(address(proxy.address())).password("s3cret").deadlines(PATIENT);
    for config in [config, through] {
        for (flavour, backend) in flavours(Arc::new(config.build().unwrap())) {
            backend.set_many(&[("k", b"v")], None).unwrap();
            proxy.set(Fault::answer("-NOAUTH Authentication required.\r\n"));
            let _ = backend.get_many(&["k"]);
            proxy.set(Fault::Pass);
            until(Duration::from_secs(5), || backend.get_many(&["k"]).is_ok());
            assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}");
        }
    }
}

/// A server that is loading, or became a replica, has done nothing, and is asked again later.
#[test]
fn a_server_that_is_not_fit_is_an_error_until_it_is() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    for (flavour, backend) in flavours(Arc::new(patient(proxy.address()))) {
        backend.set_many(&[("k", b"v")], None).unwrap();
        for refusal in [
            "-LOADING Redis is loading the dataset in memory\r\n",
            "-READONLY You can't write against a read only replica.\r\n",
            "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
        ] {
            proxy.set(Fault::answer(refusal));
            for _ in 0..5 {
                assert!(backend.get_many(&["k"]).is_err(), "{flavour}");
                assert!(backend.delete_many(&["k"]).is_err(), "{flavour}");
            }
            proxy.set(Fault::Pass);
            let back = until(Duration::from_secs(5), || backend.get_many(&["k"]).is_ok());
            println!(
                "{flavour}, {}: hits {back:?} after the end",
                refusal.split(' ').next().unwrap_or_default()
            );
            assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}");
        }
    }
}

/// A replica is not written to, and says so.
#[test]
fn a_replica_is_no_server_for_a_cache() {
    let Some(sentinel) = Sentinel::start() else { return };
    let replica = sentinel.replicas()[0].address();
    for (flavour, backend) in flavours(Arc::new(patient(replica))) {
        let error = backend.set_many(&[("k", b"v")], None).expect_err("a replica");
        assert!(error.to_string().contains("READONLY"), "{flavour}: {error}");
    }
    // What should be a sentinel may be none, and the service may have another name.
    for (addresses, service) in
        [(vec![address(replica)], "mymaster"), (addresses(sentinel.sentinel_addresses()), "other")]
    {
        let cache = RedisConfig::sentinel(addresses, service).build().unwrap();
        for (flavour, backend) in flavours(Arc::new(cache)) {
            let error = backend.get_many(&["k"]).expect_err("nobody knows");
            assert!(error.to_string().contains("no sentinel says who the master is"), "{flavour}: {error}");
            assert!(error.to_string().contains(service), "{flavour}: {error}");
        }
    }
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_spoken_to() {
    let Some(server) = RedisTls::builder().require_client_certificate().start() else { return };
    let config = || RedisConfig::new(address(server.address())).deadlines(PATIENT);
    for config in [
        config().tls(Tls::trusting(server.other_ca()).unwrap()),
        config().tls(Tls::trusting_system().unwrap_or_else(|_| Tls::trusting(server.other_ca()).unwrap())),
        // Without a certificate of our own.
        config().tls(Tls::trusting(server.ca()).unwrap()),
        // Without TLS.
        config(),
    ] {
        for (flavour, backend) in flavours(Arc::new(config.build().unwrap())) {
            assert!(backend.get_many(&["k"]).is_err(), "{flavour}");
            assert!(backend.set_many(&[("k", b"v")], None).is_err(), "{flavour}");
        }
    }
}
