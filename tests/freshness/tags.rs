//! Tags: what they reach, what they cost, and that nothing of an old one comes back.

use super::lock::{Server, servers};
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

const MILLION: u64 = 1_000_000;

/// Nothing walks through the entries.
#[test]
fn invalidating_one_of_a_million_tags_takes_a_moment() {
    #[memoize(tags = ["n:{n}"], max_size = 1_000_000)]
    fn one_of_many(n: u64) -> u64 {
        n
    }
    let cache = Cache::builder().build();
    Scope::new(cache.clone()).run(|| {
        let best = |tag: &str| {
            let tries = (0..10).map(|_| {
                let start = Instant::now();
                cache.invalidate_tag(tag).unwrap();
                start.elapsed()
            });
            tries.min().unwrap()
        };
        (0..10).for_each(|n| assert_eq!(one_of_many(n), n));
        let of_ten = best("n:7");
        std::thread::scope(|threads| {
            for half in [0..MILLION / 2, MILLION / 2..MILLION] {
                let scope = Scope::new(cache.clone());
                threads.spawn(move || scope.run(|| half.for_each(|n| assert_eq!(one_of_many(n), n))));
            }
        });
        let of_a_million = best("n:77");
        println!(
            "in process: one of 10 tags invalidated in {of_ten:?}, one of {MILLION} in {of_a_million:?}"
        );
        // Walking through them would take milliseconds.
        assert!(of_a_million < Duration::from_millis(1), "{of_a_million:?}");
        assert_eq!((one_of_many::peek(77), one_of_many::peek(78)), (None, Some(78)));
    });
}

/// The commands that write, as the server counts them.
fn writes(server: &Redis) -> u64 {
    let text: String = redis::cmd("INFO").arg("commandstats").query(&mut server.connection()).unwrap();
    let calls = text.lines().filter_map(|line| {
        let (command, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let is_write = ["set", "mset", "setex", "psetex", "del", "unlink", "pexpire"].contains(&command);
        is_write.then(|| figures.strip_prefix("calls=")?.split(',').next()?.parse::<u64>().ok())?
    });
    calls.sum()
}

/// Two stamps in one exchange, that of the tag and that of all tags, at which functions look whose tags are known last: with a
/// million entries in the server as with twenty.
#[test]
fn invalidating_one_of_a_million_tags_in_a_server_is_as_many_writes_as_one_of_few() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let url = format!(
        "redis://127.0.0.1:{}?key_prefix=tags%3A&operation_timeout=20s&connect_timeout=5s",
        proxy.port()
    );
    let cache = Cache::from_url(&url).unwrap();
    Scope::new(cache.clone()).run(|| {
        (0..20).for_each(|item| assert_eq!(priced(item), item * 2));
        let measure = |item: u64| {
            let before = (writes(&server), proxy.counts().round_trips);
            cache.invalidate_tag(&format!("item:{item}")).unwrap();
            let written = (writes(&server) - before.0, proxy.counts().round_trips - before.1);
            assert_eq!((priced::peek(item), priced::peek(item + 1)), (None, Some(2 * item + 2)));
            let before = proxy.counts().round_trips;
            assert_eq!(priced(item + 1), 2 * item + 2);
            (written, proxy.counts().round_trips - before)
        };
        let few = measure(7);
        // As many entries as tags, and none of them is like another.
        let fill = "for n = ARGV[1], ARGV[1] + 49999 do \
                    redis.call('SET', 'tags:filler:' .. n, 'an entry that has a tag of its own') \
                    redis.call('SET', 'tags:#filler:' .. n .. ':stamp', 'stamp' .. n) end";
        for from in (0..MILLION).step_by(50_000) {
            redis::cmd("EVAL").arg(fill).arg(0).arg(from).exec(&mut server.connection()).unwrap();
        }
        let many = measure(9);
        println!(
            "redis: one of 20 tags invalidated by {} writes in {} round trips, one of {MILLION} by {} in {}; a tagged hit \
             is {} round trip, then {}",
            few.0.0, few.0.1, many.0.0, many.0.1, few.1, many.1
        );
        assert_eq!(few, many);
        assert_eq!(few, ((2, 1), 1));
    });
}

#[memoize(timeout = 600, tags = ["all", "item:{item}"])]
fn priced(item: u64) -> u64 {
    item * 2
}

/// On each server: a hit is one round trip with all its stamps; to forget is one, or, where it writes to several servers, two.
/// `check` sees what is left.
pub(super) fn in_round_trips(
    what: &str,
    call: fn(u64) -> u64,
    forget: impl Fn(&Cache) -> cachekit::Result<()>,
    check: impl Fn(&str),
) {
    let on = |server: &str, scheme: &str, proxy: &Proxy, expected: u64| {
        let url = format!("{scheme}://127.0.0.1:{}?key_prefix=trips%3A", proxy.port());
        let cache = Cache::from_url(&format!("{url}&operation_timeout=5s&connect_timeout=5s")).unwrap();
        let trips = || proxy.counts().round_trips;
        Scope::new(cache.clone()).run(|| {
            (0..20).for_each(|n| assert_eq!(call(n), n * 2));
            let before = trips();
            (0..20).for_each(|n| assert_eq!(call(n), n * 2));
            let hits = trips() - before;
            forget(&cache).unwrap();
            let writes = trips() - before - hits;
            println!("{server}: {hits} round trips for 20 hits {what}, {writes} to forget");
            assert_eq!((hits, writes), (20, expected), "{server}");
            check(server);
        });
    };
    if let Some(server) = Redis::start() {
        on("redis", "redis", &Proxy::new(server.address()), 1);
    }
    if let Some(server) = Memcached::start(1) {
        on("memcached", "memcached", &Proxy::new(server.node(0).address()), 2);
    }
}

#[test]
fn a_tagged_hit_is_one_round_trip() {
    let forget = |cache: &Cache| cache.invalidate_tag("item:7");
    in_round_trips("with tags", priced, forget, |server| {
        assert_eq!(priced::peek(7), None, "{server}");
        assert_eq!(priced::peek(8), Some(16), "{server}");
    });
}

#[memoize(timeout = 600, tags = ["lost:{n}"], args_to_ignore = [count])]
fn lost(n: u64, count: &Count) -> usize {
    count.up()
}

#[memoize(timeout = 600, tags_from = |_| ["lost-by-value"], args_to_ignore = [count])]
fn lost_by_value(n: u64, count: &Count) -> usize {
    count.up()
}

/// A stamp that a store lost is made anew at random: entries under the lost one are misses for ever.
#[test]
fn a_lost_stamp_brings_nothing_back() {
    for Server { name, url, .. } in &servers() {
        let cache = Cache::from_url(url).unwrap();
        let lose = |tag: &str| {
            let stamp = format!("#{tag}:stamp");
            let old = cache.backend().get_many(&[&stamp]).unwrap().pop().flatten().expect("its name");
            assert!(cache.backend().delete_many(&[&stamp]).unwrap()[0], "{name}: {tag}");
            (stamp, old)
        };
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            for round in 0..3 {
                let before = (lost(1, &count), lost_by_value(1, &count));
                assert_eq!((lost(1, &count), lost_by_value(1, &count)), before, "{name}: cached");
                if round == 1 {
                    // Invalidated first, and lost then.
                    cache.invalidate_tag("lost:1").unwrap();
                    cache.invalidate_tag("lost-by-value").unwrap();
                }
                let gone = [lose("lost:1"), lose("lost-by-value")];
                assert_eq!((lost::peek(1), lost_by_value::peek(1)), (None, None), "{name}: a miss");
                let after = (lost(1, &count), lost_by_value(1, &count));
                assert!(after.0 > before.1 && after.1 > before.1, "{name}: {after:?} after {before:?}");
                for (stamp, old) in gone {
                    let new = cache.backend().get_many(&[&stamp]).unwrap().pop().flatten();
                    assert!(new.is_some_and(|new| new != old), "{name}: {stamp} is another one");
                }
            }
            println!("{name}: stamps of tags were lost 6 times, and no old value came back");
        });
    }
}
