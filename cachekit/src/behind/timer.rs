//! Threads that do what is due, again and again, while there is something to do.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread waits when there is nothing to do. What comes later brings another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done every so often.
pub(crate) trait Recurrent: Send + Sync + 'static {
    /// How often.
    fn every(&self) -> Duration;

    /// Does it, on the thread of its timer; says whether to go on. It does not panic.
    fn act(&self) -> bool;
}

/// Tasks by their keys, and a thread for all of them while there are any.
pub(crate) struct Timer<K, T> {
    name: &'static str,
    entries: Mutex<Option<Entries<K, T>>>,
    changed: Condvar,
}

type Entries<K, T> = HashMap<K, Entry<T>>;

struct Entry<T> {
    due: Instant,
    task: Arc<T>,
}

impl<K: Clone + Eq + Hash + Send + 'static, T: Recurrent> Timer<K, T> {
    /// One whose thread has this name.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, entries: Mutex::new(None), changed: Condvar::new() }
    }

    /// Has a task done from now on, unless there is one under its key, or there are so many. Says whether there is one.
    pub(crate) fn begin(&'static self, key: K, most: usize, task: impl FnOnce() -> T) -> bool {
        let mut entries = self.lock();
        let has_thread = entries.is_some();
        let known = entries.get_or_insert_default();
        if known.contains_key(&key) {
            return true;
        }
        if known.len() >= most {
            return false;
        }
        let task = Arc::new(task());
        known.insert(key, Entry { due: Instant::now() + task.every(), task });
        let thread = thread::Builder::new().name(self.name.to_owned());
        if !has_thread && thread.spawn(|| self.run()).is_err() {
            // Nobody would do it.
            *entries = None;
            return false;
        }
        drop(entries);
        self.changed.notify_one();
        true
    }

    /// The task under a key.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<T>> {
        let entries = self.lock();
        Some(Arc::clone(&entries.as_ref()?.get(key)?.task))
    }

    /// Has a task done at once.
    pub(crate) fn hasten(&self, key: &K) {
        if let Some(entry) = self.lock().as_mut().and_then(|entries| entries.get_mut(key)) {
            entry.due = Instant::now();
        }
        self.changed.notify_one();
    }

    fn run(&self) {
        let mut entries = self.lock();
        loop {
            let now = Instant::now();
            let known = entries.get_or_insert_default();
            let mut due = Vec::new();
            for (key, entry) in known.iter_mut().filter(|(_, entry)| entry.due <= now) {
                // Before it is done: who hastens it meanwhile has it done once more.
                entry.due = now + entry.task.every();
                due.push((key.clone(), Arc::clone(&entry.task)));
            }
            if !due.is_empty() {
                // Nobody waits for what is done now, nor for the end of what is over.
                drop(entries);
                due.retain(|(_, task)| !task.act());
                entries = self.lock();
                let over: Vec<_> = match &mut *entries {
                    Some(known) => due.iter().map(|(key, _)| known.remove(key)).collect(),
                    None => Vec::new(),
                };
                drop(entries);
                drop((over, due));
                entries = self.lock();
                continue;
            }
            let next = known.values().map(|entry| entry.due).min();
            let patience = next.map_or(PATIENCE, |next| next.saturating_duration_since(now));
            let waited = self.changed.wait_timeout(entries, patience);
            let (again, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            entries = again;
            if waited.timed_out() && entries.as_ref().is_none_or(HashMap::is_empty) {
                *entries = None;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Entries<K, T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Task {
        every: Duration,
        left: Mutex<usize>,
        done: Sender<Instant>,
    }

    impl Task {
        fn new(every: Duration, times: usize) -> (Self, Receiver<Instant>) {
            let (done, results) = channel();
            (Self { every, left: Mutex::new(times), done }, results)
        }
    }

    impl Recurrent for Task {
        fn every(&self) -> Duration {
            self.every
        }

        fn act(&self) -> bool {
            let mut left = self.left.lock().unwrap();
            *left -= 1;
            self.done.send(Instant::now()).unwrap();
            *left > 0
        }
    }

    #[test]
    fn a_task_is_done_again_and_again_until_it_is_over() {
        static TIMER: Timer<u8, Task> = Timer::new("test-timer");
        let (start, every) = (Instant::now(), Duration::from_millis(5));
        let (task, done) = Task::new(every, 3);
        TIMER.begin(1, 2, || task);
        TIMER.begin(1, 2, || unreachable!("there is one"));
        let (other, hastened) = Task::new(Duration::from_secs(3600), 2);
        TIMER.begin(2, 2, || other);
        TIMER.begin(3, 2, || unreachable!("there are enough"));
        TIMER.hasten(&2);
        hastened.recv_timeout(Duration::from_secs(30)).unwrap();
        let times: Vec<_> = done.iter().collect();
        assert_eq!(times.len(), 3);
        assert!(times.iter().zip(1..).all(|(time, n)| *time >= start + n * every), "{times:?}");
        assert!(TIMER.get(&1).is_none() && TIMER.get(&2).is_some());
        TIMER.hasten(&2);
        hastened.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(hastened.recv().is_err(), "it is over, and dropped");
    }
}
