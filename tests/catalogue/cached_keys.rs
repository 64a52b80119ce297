//! 1E: `#[cached]`, its keys and how one is forgotten.

use cachekit::{Cache, CacheBuilder, Config, RequestContext, cached, delete_memoized, memoize};

use crate::world::{everywhere, everywhere_with, fresh, get};

fn query<const N: usize>(path: &str, pairs: [(&str, &str); N]) -> RequestContext {
    get(path).query(pairs)
}

fn hashed_by(method: &'static str) -> impl Fn(CacheBuilder) -> CacheBuilder {
    move |builder| builder.config(&Config::from_map([("CACHE_HASH_METHOD", method)]).unwrap())
}

#[test]
fn case_092_a_key_is_the_same_from_wherever_it_is_asked_for() {
    #[cached(key_prefix = "item/{id}")]
    fn item(id: u64) -> (u64, u64) {
        (id, fresh())
    }
    everywhere(|_| {
        let own = get("/item/5").scope(|| item::make_cache_key(5));
        assert_eq!(get("/other").scope(|| item::make_cache_key(5)), own);
        assert_eq!(item::make_cache_key(5), own);
        assert_eq!(own, "item/5");
    });
}

#[test]
fn case_093_the_key_finds_the_value() {
    #[cached]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|w| {
        let value = get("/pages").scope(view);
        let key = get("/pages").scope(view::make_cache_key);
        assert_eq!(key, "view//pages");
        assert_eq!(w.cache.get::<u64>(&key).unwrap(), Some(value));
    });
}

#[test]
fn case_094_a_key_of_ones_own_decides() {
    fn by_query() -> String {
        format!("{:?}", RequestContext::current().map(|request| request.query_pairs().to_vec()))
    }
    #[cached(make_cache_key = by_query)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let (one, two) = (query("/pages", [("mykey", "1")]), query("/pages", [("mykey", "2")]));
        let (first, second) = (one.scope(view), two.scope(view));
        assert_ne!(first, second);
        assert_eq!((one.scope(view), two.scope(view)), (first, second));
    });
}

#[test]
fn case_095_the_key_of_a_memoized_view() {
    #[memoize]
    fn view(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|w| {
        let (first, swapped) = (view(5, 2), view(2, 5));
        assert_eq!(w.cache.get(&view::make_cache_key(5, 2)).unwrap(), Some(first));
        assert_eq!(w.cache.get(&view::make_cache_key(2, 5)).unwrap(), Some(swapped));
        assert_eq!(w.cache.get::<(u64, u64)>(&view::make_cache_key(5, 3)).unwrap(), None);
    });
}

#[test]
fn case_096_the_order_of_a_query_does_not_matter() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let first = query("/pages", [("mock", "true"), ("offset", "20"), ("limit", "15")]).scope(view);
        let again = query("/pages", [("limit", "15"), ("mock", "true"), ("offset", "20")]).scope(view);
        assert_eq!(again, first);
        assert_ne!(query("/pages", [("limit", "20"), ("mock", "true"), ("offset", "15")]).scope(view), first);
        assert_ne!(get("/pages").scope(view), first);
    });
}

#[test]
fn case_097_repeated_names_count() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let first = query("/pages", [("mock", "true"), ("limit", "15"), ("limit", "20")]).scope(view);
        assert_eq!(query("/pages", [("limit", "20"), ("mock", "true"), ("limit", "15")]).scope(view), first);
        assert_ne!(query("/pages", [("mock", "true"), ("limit", "20"), ("limit", "25")]).scope(view), first);
        assert_ne!(query("/pages", [("mock", "true"), ("limit", "15")]).scope(view), first);
    });
}

#[test]
fn case_097_names_and_values_do_not_run_into_each_other() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let requests = [
            query("/w", [("a", "1"), ("b", "2")]),
            query("/w", [("a", "1&b=2")]),
            query("/w", [("a", "1&1:b=1:2")]),
            query("/w", [("a=1", ""), ("b", "2")]),
            query("/w", [("a", "12")]),
            query("/w", [("", "")]),
            get("/w"),
        ];
        let mut values: Vec<u64> = requests.iter().map(|request| request.scope(view)).collect();
        values.dedup();
        assert_eq!(values.len(), requests.len());
    });
}

#[test]
fn case_098_a_key_from_the_body_of_a_request() {
    #[cached(make_cache_key = |id: &u64, body: &&str| format!("{id}/{body}"))]
    fn view(id: u64, body: &str) -> (u64, u64) {
        (id + body.len() as u64, fresh())
    }
    everywhere(|_| {
        let first = view(1, "{\"page\": 1}");
        assert_eq!(view(1, "{\"page\": 1}"), first);
        assert_ne!(view(1, "{\"page\": 2}"), first);
        assert_ne!(view(2, "{\"page\": 1}"), first);
    });
}

#[test]
fn case_100_one_query_is_forgotten_and_another_is_not() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let (one, two) = (query("/v", [("a", "1")]), query("/v", [("a", "2")]));
        let (first, second) = (one.scope(view), two.scope(view));
        assert!(one.scope(view::delete_cached).unwrap());
        assert_ne!(one.scope(view), first);
        assert_eq!(two.scope(view), second);
    });
}

#[test]
fn case_101_a_query_with_repeated_names_is_forgotten_in_any_order() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let first = query("/v", [("a", "1"), ("a", "2")]).scope(view);
        assert!(query("/v", [("a", "2"), ("a", "1")]).scope(view::delete_cached).unwrap());
        assert_ne!(query("/v", [("a", "1"), ("a", "2")]).scope(view), first);
    });
}

#[test]
fn case_102_a_view_is_forgotten_by_its_path() {
    #[cached]
    fn view(id: u64) -> (u64, u64) {
        (id, fresh())
    }
    everywhere(|w| {
        let request = |id: u64| get(&format!("/item/{id}")).scope(|| view(id));
        let (first, second) = (request(1), request(2));
        assert!(w.cache.delete_cached("view//item/1").unwrap());
        assert_ne!(request(1), first);
        assert_eq!(request(2), second);
        assert!(!w.cache.delete_cached("view//item/3").unwrap());
    });
}

#[test]
fn case_103_a_view_is_forgotten_by_its_arguments() {
    #[cached(key_prefix = "item/{id}")]
    fn item(id: u64) -> (u64, u64) {
        (id, fresh())
    }
    everywhere(|_| {
        let (first, second) = (item(1), item(2));
        assert!(item::delete_cached(1).unwrap());
        assert!(!item::delete_cached(1).unwrap());
        assert_ne!(item(1), first);
        assert_eq!(item(2), second);
    });
}

#[test]
fn case_104_a_key_made_outside_a_request() {
    #[cached(query_string)]
    fn view() -> (u64, String) {
        (fresh(), view::make_cache_key())
    }
    everywhere(|_| {
        let request = query("/pages", [("a", "1"), ("b", "2")]);
        let (_, inside) = request.scope(view);
        // Later, elsewhere, from the path and the query alone.
        let outside = query("/pages", [("b", "2"), ("a", "1")]).scope(view::make_cache_key);
        assert_eq!(outside, inside);
    });
}

#[test]
fn case_106_a_parameter_that_is_named_like_something_of_ours() {
    #[cached(query_string)]
    fn view(query_args: u64, path: &str) -> (u64, u64) {
        (query_args + path.len() as u64, fresh())
    }
    everywhere(|_| {
        let (one, two) = (query("/7", [("a", "1")]), query("/7", [("a", "2")]));
        let (first, second) = (one.scope(|| view(7, "/7")), two.scope(|| view(7, "/7")));
        assert_ne!(first, second);
        assert_eq!(one.scope(|| view(7, "/7")), first);
        assert_eq!(two.scope(|| view(7, "/7")), second);
    });
}

/// The digest is of every pair's name and value, each behind its length, sorted; md5 unless another is configured.
#[test]
fn case_107_the_key_of_a_query() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let key = query("/pages", [("b", "2"), ("a", "1")]).scope(view::make_cache_key);
        assert_eq!(key, "view//pages?6fe65d63713413cd58c5aa1d0145904f");
    });
}

#[test]
fn case_108_the_key_of_a_query_begins_with_the_prefix() {
    #[cached(query_string, key_prefix = "mine/%s")]
    fn by_path() -> u64 {
        fresh()
    }
    #[cached(query_string, key_prefix = "mine")]
    fn by_name() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let request = query("/pages", [("a", "1")]);
        request.scope(|| {
            assert!(by_path::make_cache_key().starts_with("mine//pages?"), "{}", by_path::make_cache_key());
            assert!(by_name::make_cache_key().starts_with("mine?"), "{}", by_name::make_cache_key());
            assert_eq!(by_name(), by_name());
        });
        assert_ne!(request.scope(by_name), query("/pages", [("a", "2")]).scope(by_name));
    });
}

#[test]
fn case_109_the_digest_that_is_configured() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    for (method, length) in [("md5", 32), ("sha1", 40), ("sha256", 64)] {
        everywhere_with(hashed_by(method), |_| {
            let request = query("/pages", [("a", "1")]);
            request.scope(|| {
                assert_eq!(view::make_cache_key().len(), "view//pages?".len() + length);
                assert_eq!(view(), view());
            });
        });
    }
}

#[test]
fn case_110_the_attribute_wins_over_the_configuration() {
    #[cached(query_string, hash_method = "sha1")]
    fn view() -> u64 {
        fresh()
    }
    everywhere_with(hashed_by("sha256"), |_| {
        let key = query("/pages", [("a", "1")]).scope(view::make_cache_key);
        assert_eq!(key.len(), "view//pages?".len() + 40);
    });
}

#[test]
fn case_112_the_configuration_is_asked_at_each_call() {
    #[cached(query_string)]
    fn view() -> u64 {
        fresh()
    }
    let key = || query("/pages", [("a", "1")]).scope(view::make_cache_key);
    let scoped = |method| cachekit::testing::Scope::new(hashed_by(method)(Cache::builder()).build()).run(key);
    assert_ne!(scoped("md5"), scoped("sha256"));
    assert_eq!(scoped("md5"), scoped("md5"));
}

#[test]
fn case_113_forgetting_uses_the_digest_that_is_configured() {
    #[memoize]
    fn f(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere_with(hashed_by("sha256"), |_| {
        let (first, other) = (f(5, 2), f(5, 3));
        assert!(delete_memoized!(f, 5, 2).unwrap());
        assert_ne!(f(5, 2), first);
        assert_eq!(f(5, 3), other);
    });
}

#[test]
fn case_114_another_digest_is_another_key() {
    #[memoize]
    fn f(a: u64) -> u64 {
        a + fresh()
    }
    let key = |method| {
        let cache = hashed_by(method)(Cache::builder()).build();
        cachekit::testing::Scope::new(cache).run(|| f::make_cache_key(1))
    };
    assert_ne!(key("md5"), key("sha256"));
    assert_eq!(key("sha256").len() - key("md5").len(), 32);
}
