//! A backend as a third party might write one: it tells what changes. Its messages and its replies can be held back, so
//! that what happens between them happens in an order that a test chooses.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::Duration;

use cachekit_backends::{Backend, Capability, Clock, Listener, Result, Seen, SimpleCache, Watch};

/// Nobody waits longer than this for another.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Board {
    store: SimpleCache,
    tells: bool,
    listeners: Mutex<Vec<Told>>,
    /// Messages that are held back, if they are.
    held: Mutex<Option<Vec<String>>>,
    /// Whether replies are held back, and how many are.
    gate: Mutex<(bool, usize)>,
    /// How many replies pass the gate before it holds the next one back.
    passes: AtomicUsize,
    moved: Condvar,
    pub(crate) reads: AtomicUsize,
}

struct Told {
    prefix: String,
    listener: Arc<dyn Listener>,
    watch: Weak<()>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Board {
    /// One that tells what changes.
    pub(crate) fn new() -> Arc<Self> {
        Self::on(Clock::SYSTEM, true)
    }

    pub(crate) fn on(clock: Clock, tells: bool) -> Arc<Self> {
        Arc::new(Self {
            store: SimpleCache::builder().threshold(100_000).clock(clock).build(),
            tells,
            listeners: Mutex::default(),
            held: Mutex::default(),
            gate: Mutex::default(),
            passes: AtomicUsize::new(0),
            moved: Condvar::new(),
            reads: AtomicUsize::new(0),
        })
    }

    /// Holds messages back.
    pub(crate) fn hold_messages(&self) {
        self.held.lock().unwrap().get_or_insert_default();
    }

    /// Tells what was held back, in order.
    pub(crate) fn tell_messages(&self) {
        let held = self.held.lock().unwrap().take().unwrap_or_default();
        self.tell(held.iter().map(String::as_str));
    }

    /// Holds replies back.
    pub(crate) fn hold_replies(&self) {
        self.hold_replies_after(0);
    }

    /// Holds replies back, so many excepted.
    pub(crate) fn hold_replies_after(&self, passes: usize) {
        self.passes.store(passes, SeqCst);
        self.gate.lock().unwrap().0 = true;
    }

    /// Waits until a reply is held back.
    pub(crate) fn await_reply(&self) {
        let gate = self.gate.lock().unwrap();
        let waited = self.moved.wait_timeout_while(gate, LIMIT, |(_, held)| *held == 0).unwrap().1;
        assert!(!waited.timed_out(), "nobody asks");
    }

    /// Lets all replies go.
    pub(crate) fn give_replies(&self) {
        self.gate.lock().unwrap().0 = false;
        self.moved.notify_all();
    }

    /// Says that it stops telling, or begins again.
    pub(crate) fn set_telling(&self, telling: bool) {
        for listener in self.listening() {
            if telling { listener.began() } else { listener.ended() }
        }
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.listening().len()
    }

    fn listening(&self) -> Vec<Arc<dyn Listener>> {
        let mut listeners = self.listeners.lock().unwrap();
        listeners.retain(|told| told.watch.strong_count() > 0);
        listeners.iter().map(|told| Arc::clone(&told.listener)).collect()
    }

    fn tell<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        for key in keys {
            if let Some(held) = &mut *self.held.lock().unwrap() {
                held.push(key.to_owned());
                continue;
            }
            let listeners: Vec<_> = {
                let listeners = self.listeners.lock().unwrap();
                let concerned = listeners.iter().filter(|told| key.starts_with(&told.prefix));
                concerned.map(|told| (Arc::clone(&told.listener), Weak::clone(&told.watch))).collect()
            };
            for (listener, watch) in listeners {
                if watch.strong_count() > 0 {
                    listener.changed(key);
                }
            }
        }
    }
}

/// As backends share it: `Cache::builder().shared_backend(board)`.
impl Backend for Board {
    fn name(&self) -> &'static str {
        "Board"
    }

    fn capability(&self) -> Capability {
        let mut capability = self.store.capability();
        (capability.in_process, capability.shared, capability.watches) = (false, true, self.tells);
        capability
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.reads.fetch_add(1, SeqCst);
        let found = self.store.get_many(keys);
        let mut gate = self.gate.lock().unwrap();
        let passes = || self.passes.fetch_update(SeqCst, SeqCst, |passes| passes.checked_sub(1)).is_ok();
        if gate.0 && !passes() {
            gate.1 += 1;
            self.moved.notify_all();
            gate = self.moved.wait_timeout_while(gate, 2 * LIMIT, |(is_shut, _)| *is_shut).unwrap().0;
            gate.1 -= 1;
        }
        drop(gate);
        found
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        let stored = self.store.set_many(items, lifetime)?;
        self.tell(items.iter().map(|(key, _)| *key));
        Ok(stored)
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        let added = self.store.add(key, value, lifetime)?;
        self.tell(added.then_some(key).into_iter());
        Ok(added)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let stored = self.store.compare_and_set(key, seen, value, lifetime)?;
        self.tell(stored.then_some(key).into_iter());
        Ok(stored)
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let deleted = self.store.delete_many(keys)?;
        self.tell(keys.iter().copied());
        Ok(deleted)
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        let sum = self.store.increment(key, delta, lifetime)?;
        self.tell([key].into_iter());
        Ok(sum)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.store.clear(prefix)?;
        // It cannot say which keys there were.
        self.set_telling(false);
        self.set_telling(true);
        Ok(())
    }

    fn entries(&self) -> Option<usize> {
        self.store.entries()
    }

    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        if !self.tells {
            return None;
        }
        let keeper = Arc::new(());
        let told = Told {
            prefix: prefix.to_owned(),
            listener: Arc::clone(&listener),
            watch: Arc::downgrade(&keeper),
        };
        self.listeners.lock().unwrap().push(told);
        listener.began();
        Some(Watch::new(keeper))
    }
}
