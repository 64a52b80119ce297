//! A query of no path.

use cachekit::{cached, delete_cached};

#[cached(query_string)]
fn f() -> u64 {
    1
}

fn main() {
    let _ = delete_cached!(f, query = "a=1");
}
