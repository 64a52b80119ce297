//! No values by id.

#[cachekit::memoize(batch)]
fn sum(ids: &[u64]) -> u64 {
    ids.iter().sum()
}

#[cachekit::memoize(batch)]
fn doubles(ids: &[u64]) -> Vec<u64> {
    ids.iter().map(|id| id * 2).collect()
}

#[cachekit::memoize(batch)]
fn maybe(ids: &[u64]) -> Result<Option<u64>, String> {
    Ok(ids.first().copied())
}

fn main() {
    sum(&[1]);
    doubles(&[1]);
    maybe(&[1]).ok();
}
