//! `#[derive(CacheKey)]`: every field, and which variant.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;

use cachekit::{CacheKey, memoize};

use crate::run;

#[memoize]
fn keyed(key: &impl CacheKey) -> u32 {
    let _ = key;
    run!()
}

/// Whether two values of one type are one key.
fn same<T: CacheKey>(a: &T, b: &T) -> bool {
    keyed(a) == keyed(b)
}

#[derive(CacheKey)]
struct Unit;

#[derive(CacheKey)]
struct Tuple(f64, String);

#[derive(CacheKey)]
struct Named<'a, T: ?Sized, const N: usize>
where
    T: ToString,
{
    text: &'a T,
    bytes: [u8; N],
    map: HashMap<String, f32>,
    nested: Vec<Option<Tuple>>,
    of: PhantomData<u8>,
    #[cache_key(skip)]
    #[allow(dead_code, reason = "it is not read, that is the point")]
    ignored: fn(),
}

#[derive(CacheKey)]
enum Shape<T> {
    Nothing,
    Empty {},
    Circle(T),
    Square(T),
    Rectangle { width: T, height: T, r#type: u8 },
}

#[derive(CacheKey)]
#[allow(dead_code, reason = "nothing can be one")]
enum Never {}

#[derive(CacheKey)]
struct Tree {
    value: f64,
    children: Vec<Tree>,
}

#[derive(CacheKey)]
struct State<H> {
    state: u8,
    field0: H,
}

#[derive(CacheKey)]
struct Mixed<'a> {
    cow: Cow<'a, str>,
    hashed: BTreeMap<u8, std::num::Wrapping<u8>>,
}

#[test]
fn structures() {
    assert!(same(&Unit, &Unit));
    assert!(same(&Tuple(0.5, "a".into()), &Tuple(0.5, "a".into())));
    assert!(!same(&Tuple(0.5, "a".into()), &Tuple(0.25, "a".into())));
    let named = |text, nested, ignored| Named::<str, 2> {
        text,
        bytes: [1, 2],
        map: HashMap::from([("a".into(), 0.5), ("b".into(), 1.5)]),
        nested,
        of: PhantomData,
        ignored,
    };
    let other: fn() = || {};
    assert!(same(&named("a", vec![None], other), &named("a", vec![None], || println!())));
    assert!(!same(&named("a", vec![None], other), &named("a", vec![], other)));
    assert!(!same(&named("a", vec![None], other), &named("b", vec![None], other)));
    let tree = |value, children| Tree { value, children };
    let (a, b) = (
        tree(1.0, vec![tree(2.0, vec![]), tree(3.0, vec![])]),
        tree(1.0, vec![tree(2.0, vec![tree(3.0, vec![])])]),
    );
    assert!(same(&a, &a) && !same(&a, &b));
    assert!(!same(&State { state: 1, field0: 2 }, &State { state: 2, field0: 1 }));
    let mixed = |text| Mixed { cow: text, hashed: BTreeMap::from([(1, std::num::Wrapping(2))]) };
    assert!(same(&mixed(Cow::Borrowed("a")), &mixed(Cow::Owned("a".into()))));
}

#[test]
fn variants() {
    let all = [
        Shape::Nothing,
        Shape::Empty {},
        Shape::Circle(1u8),
        Shape::Square(1),
        Shape::Rectangle { width: 1, height: 2, r#type: 0 },
        Shape::Rectangle { width: 2, height: 1, r#type: 0 },
    ];
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(same(a, b), i == j, "{i} and {j}");
        }
    }
    assert!(same(&None::<Never>, &None::<Never>));
}
