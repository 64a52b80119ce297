use cachekit::memoize;

#[memoize(fail_safe = 10, fail_safe_if = |_| true)]
fn find(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
