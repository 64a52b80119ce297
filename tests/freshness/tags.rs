//! Tags: what they reach, what they cost, and that nothing of an old one comes back.

use super::*;
use cachekit::{cached, memoize};
use cachekit_tests::proxy::Proxy;
use cachekit_tests::servers::{Memcached, Redis};

#[derive(Clone, Hash)]
struct User {
    id: u64,
}

impl User {
    fn tag(&self) -> String {
        format!("user:{}", self.id)
    }

    #[memoize(tags = [self.tag(), "page:{page}"])]
    fn orders(&self, page: u64, count: Count) -> usize {
        count.up()
    }
}

#[memoize(tags = ["user:{}".replace("{}", &user.id.to_string())])]
fn name(user: &User, count: Count) -> usize {
    count.up()
}

#[cached(key_prefix = "front/{section}", tags = ["front", "section:{section}"])]
fn front(section: &str) -> String {
    section.to_uppercase()
}

#[test]
fn a_tag_reaches_every_function_that_says_it() {
    let (scope, _) = scope();
    let cache = scope.run(cachekit::current);
    scope.run(|| {
        let (count, ada, bob) = (Count::default(), User { id: 1 }, User { id: 2 });
        let all = |count: &Count| {
            [
                ada.orders(1, count.clone()),
                ada.orders(2, count.clone()),
                name(&ada, count.clone()),
                bob.orders(1, count.clone()),
            ]
        };
        assert_eq!(all(&count), [1, 2, 3, 4]);
        assert_eq!(all(&count), [1, 2, 3, 4]);
        cache.invalidate_tag("user:1").unwrap();
        assert_eq!(all(&count), [5, 6, 7, 4]);
        cache.invalidate_tag("page:1").unwrap();
        assert_eq!(all(&count), [8, 6, 7, 9]);
        cache.invalidate_tag("nobody's").unwrap();
        assert_eq!(all(&count), [8, 6, 7, 9]);
        front("news");
        front("sports");
        cache.invalidate_tag("section:news").unwrap();
        assert_eq!((front::peek("news"), front::peek("sports").is_some()), (None, true));
        cache.invalidate_tag("front").unwrap();
        assert_eq!(front::peek("sports"), None);
    });
}

#[memoize(tags = ["t"], args_to_ignore = [go])]
fn waits(count: Count, go: Arc<std::sync::Barrier>) -> usize {
    let n = count.up();
    if n == 1 {
        go.wait();
        go.wait();
    }
    n
}

#[test]
fn what_was_being_computed_when_its_tag_was_invalidated_is_not_kept() {
    let (scope, _) = scope();
    let cache = scope.run(cachekit::current);
    let (count, go) = (Count::default(), Arc::new(std::sync::Barrier::new(2)));
    std::thread::scope(|threads| {
        let first = threads.spawn(|| scope.run(|| waits(count.clone(), go.clone())));
        go.wait();
        cache.invalidate_tag("t").unwrap();
        assert_eq!(
            scope.run(|| waits(count.clone(), go.clone())),
            2,
            "who comes later does not get it either"
        );
        go.wait();
        assert_eq!(first.join().unwrap(), 1);
    });
    assert_eq!(scope.run(|| waits::peek(count.clone())), Some(2));
}

/// Invalidating one of a million tags is one write, and nothing walks through the entries.
#[test]
fn one_of_many_tags_is_one_write() {
    #[memoize(tags = ["n:{n}"], max_size = 1_000_000)]
    fn one_of_many(n: u64) -> u64 {
        n
    }
    let cache = Cache::builder().build();
    Scope::new(cache.clone()).run(|| {
        for n in 0..200_000 {
            one_of_many(n);
        }
        let start = Instant::now();
        cache.invalidate_tag("n:77").unwrap();
        println!("invalidating one of 200,000 tags: {:?}", start.elapsed());
        assert_eq!((one_of_many::peek(77), one_of_many::peek(78)), (None, Some(78)));
    });
}

#[memoize(timeout = 600, tags = ["all", "item:{item}"])]
fn priced(item: u64) -> u64 {
    item * 2
}

/// A hit with three stamps is one round trip, as is an invalidation's each write.
fn trips(server: &str, url: &str, trips: impl Fn() -> u64) {
    let cache = Cache::from_url(&format!("{url}?key_prefix=tags%3A&operation_timeout=5s&connect_timeout=5s"))
        .unwrap();
    Scope::new(cache.clone()).run(|| {
        (0..20).for_each(|item| assert_eq!(priced(item), item * 2));
        let before = trips();
        (0..20).for_each(|item| assert_eq!(priced(item), item * 2));
        let hits = trips() - before;
        cache.invalidate_tag("item:7").unwrap();
        let writes = trips() - before - hits;
        println!("{server}: {hits} round trips for 20 tagged hits, {writes} for an invalidation of a tag");
        assert_eq!(hits, 20, "{server}");
        assert!(writes <= 2, "{server}: {writes}");
        assert_eq!(priced::peek(7), None, "{server}");
        assert_eq!(priced::peek(8), Some(16), "{server}");
    });
}

#[test]
fn a_tagged_hit_is_one_round_trip() {
    if let Some(server) = Redis::start() {
        let proxy = Proxy::new(server.address());
        trips("redis", &format!("redis://127.0.0.1:{}", proxy.port()), || proxy.counts().round_trips);
    }
    if let Some(server) = Memcached::start(1) {
        let proxy = Proxy::new(server.node(0).address());
        trips("memcached", &format!("memcached://127.0.0.1:{}", proxy.port()), || proxy.counts().round_trips);
    }
}

/// A stamp that a store lost is made anew at random: entries under the lost one are misses for ever.
#[test]
fn a_lost_stamp_brings_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::from_url(&format!("filesystem://{}", folder.path().display())).unwrap();
    let backend = cachekit::FileSystemCache::open(folder.path()).unwrap();
    Scope::new(cache.clone()).run(|| {
        use cachekit::Backend as _;
        assert_eq!(priced(3), 6);
        let stamp = "#item:3:stamp";
        let old = backend.get_many(&[stamp]).unwrap().pop().flatten().expect("its name");
        assert!(backend.delete_many(&[stamp]).unwrap()[0]);
        assert_eq!(priced::peek(3), None);
        assert_eq!(priced(3), 6);
        assert_ne!(backend.get_many(&[stamp]).unwrap().pop().flatten(), Some(old));
    });
}
