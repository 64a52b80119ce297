//! A part of a request that there is not.

use cachekit::{cached, delete_cached};

#[cached]
fn f() -> u64 {
    1
}

fn main() {
    let _ = delete_cached!(f, paht = "/");
}
