//! The master goes, and another one takes its place.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Backend, RedisConfig};
use cachekit_tests::servers::Sentinel;

use crate::support::{addresses, flavours, until};

const LIMIT: Duration = Duration::from_secs(20);

fn config(sentinel: &Sentinel) -> RedisConfig {
    RedisConfig::sentinel(addresses(sentinel.sentinel_addresses()), Sentinel::SERVICE)
}

/// Whether a value can be stored and is there when asked for.
fn works(backend: &dyn Backend, value: &[u8]) -> bool {
    backend.set_many(&[("k", value)], None).is_ok()
        && backend.get_many(&["k"]).is_ok_and(|found| found == [Some(value.to_vec())])
}

#[test]
fn a_master_that_is_killed_is_replaced() {
    let Some(sentinel) = Sentinel::start() else { return };
    let backends = flavours(Arc::new(config(&sentinel).build().unwrap()));
    for (flavour, backend) in &backends {
        until(LIMIT, || works(&**backend, b"before"));
        println!("{flavour}: works before");
    }
    let first = sentinel.master().port();
    sentinel.master().kill();
    for (flavour, backend) in &backends {
        let back = until(LIMIT, || works(&**backend, b"after"));
        println!("{flavour}: works again {back:?} after the master was killed (or after the line above)");
    }
    assert_ne!(sentinel.master().port(), first);
}

/// Connections to a master that becomes a replica are of no more use, though they are open.
#[test]
fn a_master_that_steps_down_is_left() {
    let Some(sentinel) = Sentinel::start() else { return };
    for (flavour, backend) in flavours(Arc::new(config(&sentinel).build().unwrap())) {
        until(LIMIT, || works(&*backend, b"before"));
        let before = sentinel.master();
        let mut asked = redis::Client::open(format!("redis://{}", sentinel.sentinel(0).address()))
            .unwrap()
            .get_connection()
            .unwrap();
        redis::cmd("SENTINEL").arg("FAILOVER").arg(Sentinel::SERVICE).exec(&mut asked).unwrap();
        until(LIMIT, || sentinel.master().port() != before.port());
        let back = until(LIMIT, || works(&*backend, flavour.as_bytes()));
        println!("{flavour}: works {back:?} after another master was announced");
        sentinel.wait_until_settled();
        assert!(works(&*backend, b"settled"), "{flavour}");
        let mut master = sentinel.connection(sentinel.master());
        let value: String = redis::cmd("GET").arg("k").query(&mut master).unwrap();
        assert_eq!(value, "settled", "{flavour}: what was stored is at the master");
    }
}

/// One sentinel that answers is enough, wherever it is in the list.
#[test]
fn sentinels_may_be_dead_or_frozen() {
    let Some(sentinel) = Sentinel::start() else { return };
    sentinel.sentinel(0).kill();
    sentinel.sentinel(1).pause();
    for (flavour, backend) in flavours(Arc::new(config(&sentinel).build().unwrap())) {
        assert!(works(&*backend, b"v"), "{flavour}");
    }
    sentinel.sentinel(1).resume();
}
