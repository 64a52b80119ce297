//! Every signature that a batch can have, and what its companions are.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cachekit::{delete_memoized, memoize, methods};

use crate::support::{Runs, alone, block_on};

static SQUARES: Runs<u64> = Runs::new();

#[memoize(batch)]
fn squares(ids: &[u64]) -> HashMap<u64, u64> {
    SQUARES.note(ids);
    ids.iter().map(|id| (*id, id * id)).collect()
}

#[test]
fn the_missing_ids_are_computed_in_one_run_in_their_order_and_once() {
    alone(|| {
        assert_eq!(squares(&[3, 1, 3, 2]), HashMap::from([(1, 1), (2, 4), (3, 9)]));
        assert_eq!(SQUARES.take(), [[3, 1, 2]]);
        assert_eq!(squares(&[5, 1, 4, 3, 5]), HashMap::from([(1, 1), (3, 9), (4, 16), (5, 25)]));
        assert_eq!(SQUARES.take(), [[5, 4]]);
        assert_eq!(squares(&[5, 1, 4, 3, 5]).len(), 4);
        assert_eq!(squares(&[]), HashMap::new());
        assert!(SQUARES.take().is_empty());
    });
}

static ENTRANCES: Runs<u64> = Runs::new();

#[memoize(batch)]
fn entrances(ids: &[u64]) -> BTreeMap<u64, u64> {
    ENTRANCES.note(ids);
    ids.iter().map(|id| (*id, id + 100)).collect()
}

#[test]
fn companions_take_one_id_or_all() {
    alone(|| {
        assert_eq!(entrances::uncached(&[7, 7]), BTreeMap::from([(7, 107)]));
        assert_eq!(ENTRANCES.take(), [[7, 7]], "as they are");
        assert_eq!(entrances::peek(7), None);
        assert_eq!(entrances::refresh(&[7, 8, 7]).len(), 2);
        assert_eq!(ENTRANCES.take(), [[7, 8]]);
        assert_eq!((entrances::peek(7), entrances::peek(8)), (Some(107), Some(108)));
        assert_eq!(entrances::refresh(&[7]), BTreeMap::from([(7, 107)]));
        assert_eq!(ENTRANCES.take(), [[7]], "whatever is cached");
        assert_ne!(entrances::make_cache_key(7), entrances::make_cache_key(8));
        assert!(delete_memoized!(entrances, 7).unwrap());
        assert!(!entrances::delete_memoized_with(7).unwrap());
        assert_eq!((entrances::peek(7), entrances::peek(8)), (None, Some(108)));
        entrances(&[7, 8]);
        assert_eq!(ENTRANCES.take(), [[7]]);
        delete_memoized!(entrances).unwrap();
        entrances(&[7, 8]);
        assert_eq!(ENTRANCES.take(), [[7, 8]]);
        let stats = entrances::stats();
        // Not counted: what was asked of nobody.
        assert_eq!((stats.hits, stats.bypasses, stats.stored), (1, 1, 2 + 1 + 1 + 2), "{stats:?}");
        assert_eq!(stats.misses, stats.stored, "{stats:?}");
    });
}

static AROUND: Runs<u64> = Runs::new();

#[memoize(batch = ids, args_to_ignore = [log])]
fn around(region: &str, ids: Vec<u64>, mut factor: u64, (a, b): (u64, u64), log: &mut Vec<usize>) -> Answer {
    AROUND.note(&ids);
    log.push(ids.len());
    factor += a + b;
    ids.into_iter().map(|id| (id, format!("{region} {}", id * factor))).collect()
}

/// Aliases are seen through.
type Answer = HashMap<u64, String>;

#[test]
fn other_arguments_are_part_of_every_key() {
    alone(|| {
        let mut log = Vec::new();
        let eu = around("eu", vec![1, 2], 1, (0, 0), &mut log);
        assert_eq!(eu[&2], "eu 2");
        assert_eq!(around("eu", vec![2, 3], 1, (0, 0), &mut log)[&3], "eu 3");
        assert_eq!(around("us", vec![2], 1, (0, 0), &mut log)[&2], "us 2");
        assert_eq!(around("us", vec![2], 2, (0, 0), &mut log)[&2], "us 4");
        assert_eq!(around("us", vec![2], 2, (1, 0), &mut log)[&2], "us 6");
        assert_eq!(AROUND.take(), [vec![1, 2], vec![3], vec![2], vec![2], vec![2]]);
        assert_eq!(log, [2, 1, 1, 1, 1]);
        assert_eq!(around::peek("eu", 3, 1, (0, 0)).as_deref(), Some("eu 3"));
        assert_eq!(around::peek("us", 3, 1, (0, 0)), None);
        assert!(delete_memoized!(around, "eu", 3, 1, (0, 0)).unwrap());
        assert_eq!(around::peek("eu", 3, 1, (0, 0)), None);
    });
}

static NAMES: Runs<String> = Runs::new();

#[memoize(batch)]
fn names(ids: &[&str]) -> HashMap<String, usize> {
    NAMES.note(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    ids.iter().map(|id| ((*id).to_owned(), id.len())).collect()
}

#[memoize(batch)]
#[allow(clippy::ptr_arg, reason = "what others write, too")]
fn owned_names(ids: &Vec<String>) -> BTreeMap<String, usize> {
    ids.iter().map(|id| (id.clone(), id.len())).collect()
}

#[test]
fn ids_may_be_borrowed_where_the_map_owns_them() {
    alone(|| {
        let text = "one two".to_owned();
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(names(&words), HashMap::from([("one".to_owned(), 3), ("two".to_owned(), 3)]));
        assert_eq!(names(&["two", "three"])["three"], 5);
        assert_eq!(NAMES.take(), [vec!["one", "two"], vec!["three"]]);
        assert_eq!(owned_names(&vec![text.clone()])[&text], 7);
        assert_eq!(owned_names::peek(&text), owned_names::peek(text.clone()), "by reference or by value");
        assert_eq!(names::peek("three"), Some(5));
        assert!(delete_memoized!(names, "three").unwrap());
    });
}

#[memoize(batch)]
async fn later(ids: &[u64]) -> Result<HashMap<u64, String>, String> {
    std::future::ready(()).await;
    if ids.contains(&13) {
        return Err("unlucky".to_owned());
    }
    let one = |id: &u64| Ok((*id, id.to_string()));
    ids.iter().map(one).collect::<Result<_, String>>()
}

#[test]
fn an_async_batch_may_fail_as_a_whole() {
    alone(|| {
        block_on(async {
            assert_eq!(later(&[1, 2]).await.unwrap().len(), 2);
            assert_eq!(later(&[2, 13]).await, Err("unlucky".to_owned()));
            assert_eq!(later::peek(13).await, None);
            assert_eq!(later::peek(&2).await.as_deref(), Some("2"), "what was there stays");
            assert!(later::delete_memoized_with(2).await.unwrap());
            assert_eq!(later(&[1, 2]).await.unwrap()[&2], "2");
        });
    });
}

/// Async batches can be spawned.
#[test]
fn an_async_batch_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    drop(is_send(later(&[1])));
    drop(is_send(later::refresh(&[1])));
    drop(is_send(Shop(1).prices_later(vec![1], "a".to_owned())));
}

#[derive(Hash, Clone)]
struct Shop(u64);

impl Shop {
    #[memoize(batch)]
    fn prices(&self, items: &[u64]) -> HashMap<u64, u64> {
        items.iter().map(|item| (*item, item * self.0)).collect()
    }

    #[memoize(batch)]
    async fn prices_later(&self, items: Vec<u64>, currency: String) -> BTreeMap<u64, String> {
        items.into_iter().map(|item| (item, format!("{} {currency}", item * self.0))).collect()
    }

    #[memoize(batch, in_impl)]
    fn all(items: &[u64]) -> HashMap<u64, u64> {
        items.iter().map(|item| (*item, item + 1)).collect()
    }
}

#[test]
fn methods_are_keyed_by_their_instance_too() {
    alone(|| {
        let (one, two) = (Shop(1), Shop(2));
        assert_eq!((one.prices(&[5])[&5], two.prices(&[5])[&5]), (5, 10));
        assert_eq!((one.prices_peek(5), two.prices_peek(5)), (Some(5), Some(10)));
        assert!(delete_memoized!(one.prices, 5).unwrap());
        assert_eq!((one.prices_peek(5), two.prices_peek(5)), (None, Some(10)));
        delete_memoized!(two.prices).unwrap();
        assert_eq!(two.prices_peek(5), None);
        assert_eq!(Shop::all(&[5]), HashMap::from([(5, 6)]));
        assert_eq!(Shop::all_peek(5), Some(6));
        assert!(delete_memoized!(Shop::all, 5).unwrap());
        block_on(async {
            assert_eq!(two.prices_later(vec![3], "EUR".to_owned()).await[&3], "6 EUR");
            assert_eq!(two.prices_later_peek(3, "EUR".to_owned()).await.as_deref(), Some("6 EUR"));
        });
    });
}

trait Lengths {
    fn lengths(&self, words: &[String]) -> HashMap<String, usize>;
    fn boxed<'a>(&'a self, ids: &'a [u64]) -> Pin<Box<dyn Future<Output = HashMap<u64, u64>> + Send + 'a>>;
}

#[async_trait::async_trait]
trait Remote {
    async fn fetch(&self, ids: &[u64]) -> HashMap<u64, u64>;
}

#[methods]
impl Lengths for Shop {
    #[memoize(batch)]
    fn lengths(&self, words: &[String]) -> HashMap<String, usize> {
        words.iter().map(|word| (word.clone(), word.len())).collect()
    }

    #[memoize(batch)]
    fn boxed<'a>(&'a self, ids: &'a [u64]) -> Pin<Box<dyn Future<Output = HashMap<u64, u64>> + Send + 'a>> {
        Box::pin(async move { ids.iter().map(|id| (*id, id * self.0)).collect() })
    }
}

#[methods]
#[async_trait::async_trait]
impl Remote for Shop {
    #[memoize(batch)]
    async fn fetch(&self, ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, id * self.0)).collect()
    }
}

#[test]
fn methods_of_traits_and_boxed_futures() {
    alone(|| {
        let shop = Shop(3);
        assert_eq!(shop.lengths(&["a".to_owned()])["a"], 1);
        assert_eq!(shop.lengths_peek("a".to_owned()), Some(1));
        block_on(async {
            assert_eq!(shop.boxed(&[2]).await[&2], 6);
            assert_eq!(shop.boxed_peek(2).await, Some(6));
            assert_eq!(shop.fetch(&[4]).await[&4], 12);
            assert_eq!(shop.fetch_peek(4).await, Some(12));
        });
    });
}

#[memoize(batch)]
fn generic<Id: std::hash::Hash + Eq + Clone + Into<u64>, const N: usize>(
    ids: &[Id],
    unit: impl AsRef<str> + Clone + std::hash::Hash,
) -> HashMap<Id, [String; 2]> {
    let text = |id: &Id| format!("{} {}", N as u64 * id.clone().into(), unit.as_ref());
    ids.iter().map(|id| (id.clone(), [text(id), String::new()])).collect()
}

#[test]
fn generic_batches() {
    #[memoize(batch, local)]
    fn of<T: Clone + Send + Sync + 'static>(ids: &[u8], value: &Wrapped<T>) -> HashMap<u8, Arc<T>> {
        ids.iter().map(|id| (*id, Arc::new(value.0.clone()))).collect()
    }
    struct Wrapped<T>(T);
    impl<T> std::hash::Hash for Wrapped<T> {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }
    alone(|| {
        assert_eq!(*of(&[1], &Wrapped("a"))[&1], "a");
        assert_eq!(*of(&[1], &Wrapped(2))[&1], 2, "a store for each instantiation");
        assert_eq!(of::peek::<&str>(1, &Wrapped("b")).as_deref(), Some(&"a"));
        assert_eq!(generic::<u32, 2>(&[4], "m")[&4][0], "8 m");
        assert_eq!(generic::<u32, 3>(&[4], "m")[&4][0], "12 m");
        assert_eq!(generic::<u8, 3>(&[4], "m")[&4][0], "12 m");
    });
}

#[memoize(batch)]
fn in_order(ids: &[u64]) -> Vec<Option<String>> {
    ids.iter().map(|id| (*id < 100).then(|| id.to_string())).collect()
}

#[test]
fn a_vec_has_the_order_of_the_ids() {
    alone(|| {
        let text = |id: u64| Some(id.to_string());
        assert_eq!(in_order(&[3, 1, 3, 200]), [text(3), text(1), text(3), None]);
        assert_eq!(in_order(&[200, 1, 4, 3, 4]), [None, text(1), text(4), text(3), text(4)]);
        assert_eq!(in_order(&[4, 4, 3]), [text(4), text(4), text(3)], "all cached");
        assert_eq!(in_order(&[]), Vec::<Option<String>>::new());
        assert_eq!((in_order::peek(3), in_order::peek(200)), (text(3), None));
    });
}
