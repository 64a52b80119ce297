//! The fence and the shards' locks under a model checker: nothing that was born before an invalidation is read after
//! it.
//!
//! Run by `cargo xtask test`, or by hand: `RUSTFLAGS="--cfg shuttle" cargo test -p cachekit-backends --lib model`.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use shuttle::thread;

use super::{OwnedKey, Table, TableConfig, Target};
use crate::Clock;

const SCHEDULES: usize = 10_000;
const INSTANCE: u64 = 7;

struct World {
    table: Table<u64>,
    truth: AtomicU64,
}

impl World {
    fn compute(&self) {
        let ticket = self.table.fence().begin(Some(INSTANCE));
        let value = self.truth.load(SeqCst);
        thread::yield_now();
        self.table.insert_computed(&OwnedKey::of(&1), value, None, &ticket, &[]);
        self.table.fence().end(&ticket);
    }

    fn invalidate(&self, kind: usize) {
        let written = self.truth.fetch_add(1, SeqCst) + 1;
        let key = OwnedKey::of(&1);
        match kind {
            0 => drop(self.table.invalidate(Target::All)),
            1 => drop(self.table.invalidate(Target::Owner(INSTANCE))),
            2 => drop(self.table.invalidate(Target::Key(&key))),
            // By somebody who finds the key only by looking.
            _ => {
                self.table.invalidate(Target::Running);
                let mut found = false;
                self.table.for_each(|_, _| found = true);
                if found {
                    self.table.invalidate(Target::Key(&key));
                }
            }
        }
        for _ in 0..2 {
            let value = self.table.get(&1);
            assert!(
                value.is_none_or(|value| value >= written),
                "read {value:?} after {written} was acknowledged"
            );
            thread::yield_now();
        }
    }
}

#[test]
fn model_nothing_older_is_read_after_an_invalidation() {
    for kind in 0..4 {
        shuttle::check_random(
            move || {
                let table = Table::new(TableConfig { capacity: 4, clock: Clock::SYSTEM });
                let world = Arc::new(World { table, truth: AtomicU64::new(0) });
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        let world = Arc::clone(&world);
                        thread::spawn(
                            move || if thread < 2 { world.compute() } else { world.invalidate(kind) },
                        )
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            },
            SCHEDULES,
        );
    }
}
