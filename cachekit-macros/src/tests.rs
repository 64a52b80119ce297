//! Expansion snapshots: what a function becomes, formatted. `CACHEKIT_BLESS=1 cargo test -p cachekit-macros` rewrites
//! them.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::Kind;
use crate::{delete, delete_cached, derive, methods, pipeline};

/// Compares `code`, formatted, with the snapshot `name`.
fn snapshot(name: &str, code: &TokenStream) -> String {
    let file = syn::parse2(code.clone()).unwrap_or_else(|error| panic!("{error} in {code}"));
    let text = prettyplease::unparse(&file);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshots").join(name).with_extension("rs.txt");
    if std::env::var_os("CACHEKIT_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text.lines().zip(expected.lines()).position(|(new, old)| new != old);
    let line =
        differs.or_else(|| (text != expected).then(|| text.lines().count().min(expected.lines().count())));
    if let Some(line) = line {
        let (new, old) = (text.lines().nth(line), expected.lines().nth(line));
        panic!(
            "the expansion of `{name}` changed in line {}: {old:?} is now {new:?}; see the head of this file",
            line + 1
        );
    }
    text
}

fn memoized(options: TokenStream, item: &TokenStream) -> TokenStream {
    pipeline::function(Kind::Memoize, options, item)
}

/// The lines between the braces of the first function in `text`, which is formatted.
fn body_lines(text: &str) -> usize {
    let inside = text.lines().skip_while(|line| !(line.contains("fn ") && line.ends_with('{'))).skip(1);
    inside.take_while(|line| *line != "}").count()
}

#[test]
fn a_simple_function_has_a_short_body() {
    let code = memoized(
        quote!(timeout = 50),
        &quote!(
            pub fn big_foo(a: i64, b: i64) -> i64 {
                a + b + expensive()
            }
        ),
    );
    let lines = body_lines(&snapshot("memoize", &code));
    assert!(lines <= 20, "{lines} lines");
}

#[test]
fn a_simple_function_is_short_with_all_its_companions() {
    let item = quote!(
        pub fn f0(a: u64, b: u64) -> u64 {
            a + b
        }
    );
    let text = prettyplease::unparse(&syn::parse2(memoized(quote!(timeout = 300), &item)).unwrap());
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    // Each companion is its summary, `#[inline]` and three lines; an error's section is two more.
    assert!(lines <= 76, "{lines} lines:\n{text}");
}

#[test]
fn an_async_function_has_a_short_body() {
    let item = quote! {
        /// Loads a profile.
        #[must_use]
        pub async fn profile(db: &Pool, id: u64) -> Result<Profile, DbError> { db.load(id).await }
    };
    let code = memoized(quote!(timeout = 60, args_to_ignore = [db]), &item);
    snapshot("memoize_async", &code);
    let simple = memoized(
        quote!(),
        &quote!(
            async fn f(a: u64, b: u64) -> u64 {
                fetch(a, b).await
            }
        ),
    );
    let lines = body_lines(&prettyplease::unparse(&syn::parse2(simple).unwrap()));
    assert!(lines <= 20, "{lines} lines");
}

#[test]
fn what_goes_on_behind_its_caller() {
    let item = quote! {
        fn balance(account: &str, day: u64) -> Option<u64> { look_up(account, day) }
    };
    snapshot("behind", &memoized(quote!(stale = 30, verify = 0.01), &item));
}

#[test]
fn every_hook() {
    let options = quote! {
        timeout = Duration::from_secs(a), unless = a > 5, forced_update = force, is_stale = |v| v.len() > 3,
        response_filter = is_good, timeout_from = |v| v.lifetime(), none_timeout = 5, cache_err, local,
        cache = "other", namespace = "shop", max_size = 10, hash_method = "sha256", make_name = |n| n.to_uppercase(),
        args_to_ignore = [force], inherit, crate = ::renamed,
    };
    snapshot(
        "hooks",
        &memoized(
            options,
            &quote!(
                fn hooked((a, b): (u64, u64), force: bool) -> Option<Vec<u8>> {
                    body(a, b)
                }
            ),
        ),
    );
}

#[test]
fn generic_functions() {
    let item = quote!(
        fn generic<'a, T: Hash, const N: usize>(t: &'a T, s: impl AsRef<str> + Hash) -> [u8; N]
        where
            T: Copy,
        {
            body()
        }
    );
    snapshot("generic", &memoized(quote!(), &item));
}

#[test]
fn batches() {
    let simple = memoized(
        quote!(batch),
        &quote!(
            pub fn users(ids: &[u64]) -> HashMap<u64, User> {
                load(ids)
            }
        ),
    );
    let lines = body_lines(&prettyplease::unparse(&syn::parse2(simple.clone()).unwrap()));
    // A look at all ids, and a loop around the body.
    assert!(lines <= 41, "{lines} lines");
    let item = quote! {
        async fn prices(
            mut names: Vec<String>, db: &Pool, log: &mut Log, (a, b): (u8, u8), mut n: u64,
        ) -> Result<BTreeMap<String, Price>, DbError> { n += 1; db.prices(names, n).await }
    };
    let options = quote! {
        batch = names, timeout = Duration::from_secs(n), unless = n > 5, cache_none, local,
        response_filter = |price| price.is_final(), timeout_from = lifetime_of, args_to_ignore = [db, log]
    };
    let all = memoized(options, &item);
    snapshot("batch", &quote!(#simple #all));
}

#[test]
fn methods_and_their_companions() {
    let block = quote! {
        impl Adder { #[memoize] pub fn add(&self, b: i64) -> i64 { self.id + b } }
    };
    snapshot("method", &methods::expand(quote!(), &block));
}

#[test]
fn trait_impls() {
    let block = quote! {
        #[async_trait]
        impl<T: Hash, U> Service<U> for Client<T> where U: Hash {
            type Output = u64;
            #[memoize]
            async fn get(&self, key: U) -> Self::Output { self.load(key).await }
            #[memoize(companions = false)]
            fn plain(&self) -> u64 { 1 }
            fn untouched(&self) -> u64 { 2 }
        }
    };
    snapshot("trait_impl", &methods::expand(quote!(), &block));
}

#[test]
fn boxed_futures() {
    let item = quote! {
        fn fetch<'a, 'async_trait>(&'a self, key: u64) -> Pin<Box<dyn Future<Output = u64> + Send + 'async_trait>>
        where 'a: 'async_trait { Box::pin(async move { key }) }
    };
    let code = memoized(quote!(), &item);
    snapshot("boxed", &code);
}

#[test]
fn cached_functions() {
    let index = pipeline::function(
        Kind::Cached,
        quote!(timeout = 50),
        &quote!(
            async fn index() -> Html {
                body()
            }
        ),
    );
    let item = pipeline::function(
        Kind::Cached,
        quote!(key_prefix = "item/{id}", query_string),
        &quote!(
            fn item(id: u64) -> Html {
                body()
            }
        ),
    );
    snapshot("cached", &quote!(#index #item));
}

#[test]
fn what_a_request_brings() {
    let home = pipeline::function(
        Kind::Cached,
        quote!(vary = ["accept-language", cookie("theme"), tenant, || "x"], companions = false),
        &quote!(
            fn home() -> String {
                body()
            }
        ),
    );
    let one = |input| delete_cached::expand(input);
    let all = [
        one(quote!(::cachekit; f)),
        one(quote!(::cachekit; m::f, 1, path = "/a", query = "b=1")),
        one(quote!(::cachekit; x.m, request = request)),
        one(quote!(::cachekit; T::m, path = p, method = "POST", headers = [("a", "b")])),
    ];
    snapshot("vary", &quote!(#home fn all() { #(#all;)* }));
}

#[test]
fn derived_keys() {
    let structure = derive::expand(quote!(
        struct Point<T> {
            x: f64,
            #[cache_key(skip)]
            y: u8,
            t: T,
        }
    ));
    let enumeration = derive::expand(quote!(
        enum Shape {
            Unit,
            Tuple(f64, #[cache_key(skip)] u8),
            Named { a: u8 },
        }
    ));
    snapshot("derive", &quote!(#structure #enumeration));
}

#[test]
fn forgetting() {
    let one = |input| delete::memoized(input);
    let all = [
        one(quote!(f)),
        one(quote!(m::f, 1, 2)),
        one(quote!(f::<u8>, 1)),
        one(quote!(x.y.m)),
        one(quote!(x.m, 1)),
        one(quote!(T::m)),
        one(quote!(T::<u8>::m, &x, 1)),
        one(quote!(<T as Trait>::m)),
        one(quote!(Self::r#type)),
        delete::verhash(quote!(f)),
        delete::verhash(quote!(x.m)),
        delete::verhash(quote!(T::m)),
        delete::verhash(quote!(T::m, &x)),
    ];
    snapshot("delete_memoized", &quote!(fn all() { #(#all;)* }));
}

#[test]
fn the_fingerprint_is_the_same_in_every_build() {
    let tokens = quote!(
        fn f(a: u8) -> u8 {
            a + 1
        }
    );
    assert_eq!(crate::tokens::fingerprint(tokens), FINGERPRINT);
    assert_ne!(
        crate::tokens::fingerprint(quote!(
            fn f(a: u8) -> u8 {
                a + 2
            }
        )),
        FINGERPRINT
    );
}

const FINGERPRINT: u128 = 58_661_382_089_547_396_104_654_002_208_001_088_739;
