//! Many ids in one call: what is cached is not asked for again, the rest is one query, however many there are.

use std::cell::RefCell;
use std::collections::HashMap;

use cachekit::{Result, delete_memoized, memoize};

/// A database that writes down what it was asked.
#[derive(Default)]
struct Database {
    queries: RefCell<Vec<String>>,
}

impl Database {
    fn names(&self, ids: &[u32]) -> Vec<(u32, String)> {
        self.queries.borrow_mut().push(format!("SELECT id, name FROM users WHERE id IN {ids:?}"));
        ids.iter().filter(|id| **id < 1000).map(|id| (*id, format!("user {id}"))).collect()
    }
}

/// The body gets the ids that are missing, and nothing else changes: it may leave out those that there are not.
#[memoize(batch, timeout = "10m", none_timeout = 30, args_to_ignore = [db])]
fn names(db: &Database, ids: &[u32]) -> HashMap<u32, String> {
    db.names(ids).into_iter().collect()
}

fn show(what: &str, db: &Database, ids: &[u32]) {
    let found = names(db, ids).len();
    println!("{what:<36} {found} found; {}", db.queries.borrow_mut().pop().unwrap_or("no query".to_owned()));
}

fn main() -> Result<()> {
    let db = Database::default();
    show("three ids", &db, &[1, 2, 3]);
    show("the same, in another order", &db, &[3, 1, 2]);
    show("two of them and two more", &db, &[2, 3, 4, 5000]);
    show("the one that there is not", &db, &[5000]);

    delete_memoized!(names, 2)?; // or names::delete_memoized_with(2)
    show("after delete_memoized!(names, 2)", &db, &[1, 2, 3, 4]);
    delete_memoized!(names)?; // or names::delete_memoized()
    show("after delete_memoized!(names)", &db, &[1, 2]);

    println!("peek(1)    {:?}", names::peek(1)); // one id: what is cached
    println!("peek(3)    {:?}", names::peek(3));
    println!("stats      {:?} hits, {:?} misses", names::stats().hits, names::stats().misses);
    Ok(())
}
