//! A stop watch for tests that set a limit: it does not count what the machine kept its threads waiting.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// How long the observer sleeps at a time. What it oversleeps by more than that is a stall.
const TICK: Duration = Duration::from_millis(2);

/// What a thread that only sleeps has overslept in this process so far, in microseconds.
static STALLED: AtomicU64 = AtomicU64::new(0);

/// A stop watch.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    stalled: u64,
}

impl Watch {
    /// Starts it.
    pub fn start() -> Self {
        static OBSERVER: OnceLock<()> = OnceLock::new();
        OBSERVER.get_or_init(|| drop(thread::spawn(observe)));
        Self { start: Instant::now(), stalled: STALLED.load(SeqCst) }
    }

    /// The time since then, less twice what the observer was kept waiting: a call and a server share what it saw.
    pub fn elapsed(&self) -> Duration {
        let took = self.start.elapsed();
        if took < 10 * TICK {
            return took;
        }
        // The observer may still be in the stall that ended just now.
        thread::sleep(2 * TICK);
        let stalled = Duration::from_micros(STALLED.load(SeqCst) - self.stalled);
        took.saturating_sub(2 * stalled)
    }
}

fn observe() {
    loop {
        let start = Instant::now();
        thread::sleep(TICK);
        let over = start.elapsed().saturating_sub(TICK);
        if over > TICK {
            STALLED.fetch_add(u64::try_from(over.as_micros()).unwrap_or(u64::MAX), SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_takes_is_counted() {
        let watch = Watch::start();
        thread::sleep(Duration::from_millis(200));
        let took = watch.elapsed();
        assert!(took < Duration::from_millis(400), "{took:?}");
        assert!(watch.start.elapsed() >= Duration::from_millis(200));
    }
}
