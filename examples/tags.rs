//! Tags: what belongs together is forgotten together, whatever function it is of.

use cachekit::{current, memoize};

#[memoize(tags = ["user:{user}", "orders"])]
fn orders(user: u64, page: u64) -> Vec<u64> {
    println!("    (reading page {page} of user {user})");
    (1..=3).map(|n| user * 1000 + page * 10 + n).collect()
}

struct Shop {
    country: &'static str,
}

impl std::hash::Hash for Shop {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.country.hash(state);
    }
}

impl Shop {
    #[memoize(tags = ["user:{user}", format!("country:{}", self.country)])]
    fn greeting(&self, user: u64) -> String {
        println!("    (greeting user {user} in {})", self.country);
        format!("welcome, {user}")
    }
}

/// Which author a book has is known when it was read.
#[memoize(tags_from = |author: &String| [format!("author:{author}")])]
fn author_of(book: u64) -> String {
    println!("    (reading book {book})");
    if book.is_multiple_of(2) { "Ada".to_owned() } else { "Bob".to_owned() }
}

/// Made from what two users ordered: it is forgotten with either, and with all orders.
#[memoize(inherit, namespace = "reports")]
fn ordered_together(one: u64, other: u64) -> usize {
    println!("    (comparing users {one} and {other})");
    orders(one, 1).len() + orders(other, 1).len()
}

fn all() {
    let shop = Shop { country: "it" };
    for user in [7, 8] {
        orders(user, 1);
        shop.greeting(user);
    }
    ordered_together(7, 8);
    (1..=4).for_each(|book| drop(author_of(book)));
}

fn main() -> cachekit::Result<()> {
    let cache = current();
    println!("at first");
    all();
    for tag in ["user:7", "country:it", "orders", "author:Ada", "nobody's"] {
        cache.invalidate_tag(tag)?;
        println!("after {tag} was invalidated");
        all();
    }
    cache.invalidate_namespace("reports")?;
    println!("after all reports were forgotten");
    all();
    Ok(())
}
