//! What a clear took out of a table: freed aside, and in the order of addresses.
//!
//! A million entries that are freed one by one as they come leave as many holes, among which the allocator looks for room
//! whenever somebody asks for more than a small piece: that took an insertion up to 2 ms. In the order of their addresses
//! neighbours become one hole. They take turns with the arrays, for a general allocator joins small pieces when it is
//! given a large one, and would otherwise have a million to join at once.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::entries::Entries;
use super::reclaim::Limbo;
use super::shard::Retired;
use crate::sync::{Mutex, MutexExt as _};

/// Entries that are worth a thread of their own to free them.
const MANY: usize = 8192;
/// How often, and at first how long, that thread waits for those who still read: about two seconds in all.
const WAITS: u32 = 11;
const WAIT: Duration = Duration::from_millis(1);

/// What was taken out and may still be read. It is freed when readers are gone, or else with the table or by its next
/// clear.
#[derive(Default)]
pub(super) struct Cleared {
    limbo: Arc<Mutex<Limbo<Retired>>>,
}

impl Cleared {
    /// Takes in what a clear took out, and sees to it that it is freed.
    pub(super) fn take_in(&self, retired: Vec<Retired>) {
        let entries: usize = retired.iter().map(Retired::count).sum();
        {
            let mut limbo = self.limbo.locked();
            for retired in retired {
                limbo.push(retired);
            }
        }
        let limbo = Arc::clone(&self.limbo);
        let aside = move || free_all(&limbo);
        // Without a thread to be had, they are freed here.
        if entries <= MANY || thread::Builder::new().name("cachekit-clear".to_owned()).spawn(aside).is_err() {
            drop(ripe(&self.limbo));
        }
    }
}

fn ripe(limbo: &Mutex<Limbo<Retired>>) -> Vec<Retired> {
    limbo.locked().collect()
}

fn free_all(limbo: &Mutex<Limbo<Retired>>) {
    for wait in 0..WAITS {
        free(ripe(limbo));
        if limbo.locked().is_empty() {
            return;
        }
        thread::sleep(WAIT * 2_u32.pow(wait));
    }
}

fn free(retired: Vec<Retired>) {
    let mut entries: Option<Entries> = None;
    let mut others = Vec::new();
    for retired in retired {
        match (retired, &mut entries) {
            (Retired::Entries(more), Some(entries)) => entries.append(*more),
            (Retired::Entries(first), None) => entries = Some(*first),
            (other, _) => others.push(other),
        }
    }
    let Some(mut entries) = entries else { return };
    entries.sort_downwards();
    let piece = entries.len().div_ceil(others.len() + 1);
    while entries.len() > 0 {
        drop(entries.split_off_last(piece));
        drop(others.pop());
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Instant;

    use super::super::entry::{About, Owned};
    use super::super::key::OwnedKey;
    use super::super::kind::Kind;
    use super::super::life::Lifetimes;
    use super::super::reclaim::pin;
    use super::*;
    use crate::Moment;

    const LIMIT: Duration = Duration::from_secs(20);

    fn entries(of: &Arc<()>, count: usize) -> Retired {
        let about = About { now: Moment::NEVER, lifetimes: &Lifetimes::default(), receiver: None, tags: &[] };
        let mut entries = Entries::new(Kind::of::<Arc<()>>());
        for number in 0..count {
            let node = entries.add() as usize;
            let entry = Owned::new(&OwnedKey::of(&number), Arc::clone(of), &about).expect("an entry");
            entries.put(node, entry);
        }
        Retired::Entries(Box::new(entries))
    }

    /// Whether all entries are freed in time.
    fn are_freed(value: &Arc<()>) -> bool {
        let start = Instant::now();
        while Arc::strong_count(value) > 1 && start.elapsed() < LIMIT {
            thread::yield_now();
        }
        Arc::strong_count(value) == 1
    }

    #[test]
    fn many_entries_of_several_shards_are_freed_when_the_reader_is_gone() {
        let (value, cleared) = (Arc::new(()), Cleared::default());
        let reader = pin();
        cleared.take_in(vec![entries(&value, MANY), entries(&value, 1000), entries(&value, 0)]);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(Arc::strong_count(&value), 1 + MANY + 1000, "somebody may still read them");
        drop(reader);
        assert!(are_freed(&value));
    }

    #[test]
    fn few_entries_that_are_read_are_freed_with_the_next() {
        let (value, cleared) = (Arc::new(()), Cleared::default());
        let reader = pin();
        cleared.take_in(vec![entries(&value, 3)]);
        assert_eq!(Arc::strong_count(&value), 4);
        drop(reader);
        // Other tests read meanwhile.
        let start = Instant::now();
        while Arc::strong_count(&value) > 1 && start.elapsed() < LIMIT {
            cleared.take_in(vec![entries(&value, 1)]);
        }
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn what_is_left_is_freed_with_the_table() {
        let (value, cleared) = (Arc::new(()), Cleared::default());
        let reader = pin();
        cleared.take_in(vec![entries(&value, MANY + 1)]);
        drop(cleared);
        drop(reader);
        assert!(are_freed(&value));
    }
}
