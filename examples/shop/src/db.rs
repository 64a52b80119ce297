//! The database: items in categories, with reviews. Generated, the same in every run.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Result, params};

/// So many items there are.
pub const ITEMS: u64 = 3000;
/// So many categories.
pub const CATEGORIES: u64 = 40;
/// So many reviews at first.
const REVIEWS: u64 = 15_000;

const ADJECTIVES: [&str; 12] = [
    "amber", "brisk", "copper", "dapper", "elder", "fabled", "gentle", "hollow", "ivory", "jolly", "keen",
    "lunar",
];
const THINGS: [&str; 15] = [
    "kettle", "lamp", "chair", "clock", "basket", "teapot", "blanket", "mirror", "stool", "vase", "bowl",
    "candle", "shelf", "rug", "mug",
];

/// One database in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    connection: Arc<Mutex<Connection>>,
}

impl Db {
    /// A new database with all its rows.
    ///
    /// # Errors
    ///
    /// When `SQLite` fails.
    pub fn generate() -> Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, category INTEGER NOT NULL, name TEXT NOT NULL,
                                 price INTEGER NOT NULL, about TEXT NOT NULL);
             CREATE TABLE reviews (id INTEGER PRIMARY KEY, item INTEGER NOT NULL, stars INTEGER NOT NULL, text TEXT NOT NULL);
             CREATE INDEX items_by_category ON items (category);
             CREATE INDEX reviews_by_item ON reviews (item);
             BEGIN",
        )?;
        let mut random = Random(42);
        for id in 1..=ITEMS {
            let name = format!("{} {} {id}", random.of(&ADJECTIVES), random.of(&THINGS));
            let about =
                format!("A {name}, as {} as it is {}.", random.of(&ADJECTIVES), random.of(&ADJECTIVES))
                    .repeat(4);
            let (category, price) = (random.below(CATEGORIES) + 1, random.below(20_000) + 99);
            connection.execute(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
                params![id, category, name, price, about],
            )?;
        }
        for id in 1..=REVIEWS {
            let text = format!("{} and {}", random.of(&ADJECTIVES), random.of(&ADJECTIVES));
            let (item, stars) = (random.below(ITEMS) + 1, random.below(5) + 1);
            connection.execute("INSERT INTO reviews VALUES (?, ?, ?, ?)", params![id, item, stars, text])?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Asks the database, on a thread where that may take a while.
    ///
    /// # Errors
    ///
    /// When `SQLite` fails.
    ///
    /// # Panics
    ///
    /// When `ask` does.
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let db = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let connection = db.connection.lock().unwrap_or_else(PoisonError::into_inner);
            ask(&connection)
        });
        match asked.await {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Numbers that look random and are the same in every run.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap_or(0)]
    }
}
