use cachekit::memoize;
use std::collections::HashMap;

#[memoize(batch, stale = 10, fail_safe = 10, throttle = 5)]
fn old(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[memoize(batch, jitter, early, eager, idle = 10, refresh_every = 10)]
fn renewed(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[memoize(batch, fail_safe = 10, fail_safe_if = |_| true, soft_timeout = 1, hard_timeout = 1, on_timeout = HashMap::new())]
fn late(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[memoize(batch, lock, near, tags = ["all"], tags_from = |_| ["all"], recompute_limit = 2)]
fn shared(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {}
