//! Every signature that a batch can have, and what its companions are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use cachekit::{Cache, delete_memoized, memoize, testing::Scope};

/// The ids that bodies were run for, by test.
struct Runs(Mutex<Vec<Vec<u64>>>);

impl Runs {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn note(&self, ids: &[u64]) {
        self.0.lock().unwrap().push(ids.to_vec());
    }

    fn take(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn alone(case: impl FnOnce()) {
    Scope::new(Cache::builder().build()).run(case);
}

static SQUARES: Runs = Runs::new();

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
        assert_eq!(squares::peek(5), Some(25));
        assert_eq!(squares::peek(&6), None);
        assert_eq!(delete_memoized!(squares, 5).unwrap(), true);
        assert_eq!(squares::peek(5), None);
        let stats = squares::stats();
        assert!(stats.hits >= 6 && stats.misses >= 5, "{stats:?}");
    });
}
