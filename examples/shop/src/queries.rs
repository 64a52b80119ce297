//! What is asked of the database, memoized; and what changes it, and forgets what it changed.

use cachekit::delete_memoized;
use cachekit::memoize;
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use crate::db::Db;

/// Items on a page of a list.
const PAGE: u64 = 20;

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its number.
    pub id: u64,
    /// The category it is in.
    pub category: u64,
    /// Its name.
    pub name: String,
    /// In cents.
    pub price: u64,
    /// What is said of it.
    pub about: String,
}

/// What buyers think of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// How many said something.
    pub reviews: u64,
    /// The sum of their stars.
    pub stars: u64,
    /// The last ones: stars and text.
    pub latest: Vec<(u64, String)>,
}

/// Why a query failed, as text.
#[derive(Clone, Debug)]
pub struct Failed(pub String);

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// What comes of a query.
pub type Outcome<T> = Result<T, Failed>;

fn read_item(row: &rusqlite::Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        id: row.get(0)?,
        category: row.get(1)?,
        name: row.get(2)?,
        price: row.get(3)?,
        about: row.get(4)?,
    })
}

/// An item, if there is one of this number.
///
/// # Errors
///
/// When the database fails.
#[memoize(timeout = 600, args_to_ignore = [db])]
pub async fn item(db: &Db, id: u64) -> Outcome<Option<Item>> {
    let asked = db.ask(move |db| {
        db.query_row("SELECT id, category, name, price, about FROM items WHERE id = ?", [id], read_item)
            .optional()
    });
    Ok(asked.await?)
}

/// What buyers think of an item.
///
/// # Errors
///
/// When the database fails.
#[memoize(timeout = 600, args_to_ignore = [db])]
pub async fn rating(db: &Db, item: u64) -> Outcome<Rating> {
    let asked = db.ask(move |db| {
        let (reviews, stars) = db.query_row(
            "SELECT count(*), coalesce(sum(stars), 0) FROM reviews WHERE item = ?",
            [item],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut latest =
            db.prepare("SELECT stars, text FROM reviews WHERE item = ? ORDER BY id DESC LIMIT 5")?;
        let latest =
            latest.query_map([item], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(Rating { reviews, stars, latest })
    });
    Ok(asked.await?)
}

/// A page of a category, the dearest first.
///
/// # Errors
///
/// When the database fails.
#[memoize(timeout = 600, args_to_ignore = [db], tags = ["lists"])]
pub async fn category(db: &Db, category: u64, page: u64) -> Outcome<Vec<Item>> {
    let asked = db.ask(move |db| {
        let mut items = db.prepare(
            "SELECT id, category, name, price, about FROM items WHERE category = ? ORDER BY price DESC, id LIMIT ? OFFSET ?",
        )?;
        items.query_map(params![category, PAGE, page * PAGE], read_item)?.collect()
    });
    Ok(asked.await?)
}

/// The best rated items of all; slow, as it counts all reviews.
///
/// # Errors
///
/// When the database fails.
#[memoize(timeout = 600, args_to_ignore = [db], tags = ["lists"])]
pub async fn best(db: &Db) -> Outcome<Vec<Item>> {
    let asked = db.ask(|db| {
        let mut items = db.prepare(
            "SELECT items.id, category, name, price, about FROM items JOIN reviews ON reviews.item = items.id
             GROUP BY items.id ORDER BY avg(stars) * count(*) DESC, items.id LIMIT 12",
        )?;
        items.query_map([], read_item)?.collect()
    });
    Ok(asked.await?)
}

/// Items whose name contains a text.
///
/// # Errors
///
/// When the database fails.
#[memoize(timeout = 60, args_to_ignore = [db], tags = ["lists"])]
pub async fn search(db: &Db, text: &str) -> Outcome<Vec<Item>> {
    let text = text.to_owned();
    let asked = db.ask(move |db| {
        let mut items = db.prepare(
            "SELECT id, category, name, price, about FROM items WHERE instr(name, ?) ORDER BY price, id LIMIT ?",
        )?;
        items.query_map(params![text, PAGE], read_item)?.collect()
    });
    Ok(asked.await?)
}

/// Sets the price of an item; tells whether there is one.
///
/// # Errors
///
/// When the database fails, or what was cached cannot be forgotten.
pub async fn set_price(db: &Db, id: u64, price: u64) -> Outcome<bool> {
    let changed =
        db.ask(move |db| db.execute("UPDATE items SET price = ? WHERE id = ?", params![price, id])).await?;
    forget(delete_memoized!(item, id).await)?;
    // In whatever order and on whatever page it is now.
    forget(cachekit::current().invalidate_tag_async("lists").await)?;
    Ok(changed > 0)
}

/// Adds a review.
///
/// # Errors
///
/// When the database fails, or what was cached cannot be forgotten.
pub async fn add_review(db: &Db, item: u64, stars: u64, text: String) -> Outcome<()> {
    db.ask(move |db| {
        db.execute("INSERT INTO reviews (item, stars, text) VALUES (?, ?, ?)", params![item, stars, text])
    })
    .await?;
    forget(delete_memoized!(rating, item).await)?;
    forget(delete_memoized!(best).await)
}

/// What could not be forgotten would be served: the one who writes has to know.
fn forget<T>(outcome: cachekit::Result<T>) -> Outcome<()> {
    outcome
        .map(drop)
        .map_err(|error| Failed(format!("it is written, but may be served as it was: {error:#}")))
}
