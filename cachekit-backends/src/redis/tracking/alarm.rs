//! What is raised when keys may be elsewhere than before: on a server that was not asked to tell of them.

#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
use std::fmt;
use std::sync::Arc;
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::Listener;
use crate::redis::route::Route;
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
use crate::sync::{Mutex, MutexExt as _};

/// Heard by whoever watches.
pub(in crate::redis) struct Alarm {
    raised: AtomicU64,
    heard: Notify,
    listener: Arc<dyn Listener>,
}

impl Alarm {
    /// One that is raised when keys of this route may be elsewhere.
    pub(super) fn on(route: &Route, listener: Arc<dyn Listener>) -> Arc<Self> {
        let alarm = Arc::new(Self { raised: AtomicU64::new(0), heard: Notify::new(), listener });
        match route {
            Route::One(server) => server.wire().source.alarm(&alarm),
            #[cfg(feature = "redis-cluster")]
            Route::Cluster(cluster) => cluster.alarms.add(&alarm),
        }
        alarm
    }

    pub(super) fn listener(&self) -> &dyn Listener {
        &*self.listener
    }

    /// How often it was raised.
    pub(super) fn raised(&self) -> u64 {
        self.raised.load(Ordering::SeqCst)
    }

    /// Waits until it is raised once more than so often.
    pub(super) async fn hear(&self, before: u64) {
        while self.raised() == before {
            self.heard.notified().await;
        }
    }

    /// Raises it. When this returns, the listener relies on nothing that was read before.
    #[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
    fn raise(&self) {
        self.raised.fetch_add(1, Ordering::SeqCst);
        self.listener.ended();
        self.heard.notify_one();
    }
}

/// The alarms of those who watch.
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
#[derive(Default)]
pub(in crate::redis) struct Alarms(Mutex<Vec<Weak<Alarm>>>);

#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
impl Alarms {
    pub(in crate::redis) fn add(&self, alarm: &Arc<Alarm>) {
        let mut alarms = self.0.locked();
        alarms.retain(|alarm| alarm.strong_count() > 0);
        alarms.push(Arc::downgrade(alarm));
    }

    /// Raises all of them: to be called before anything is asked where the keys may be now.
    pub(in crate::redis) fn raise(&self) {
        let alarms: Vec<_> = self.0.locked().iter().filter_map(Weak::upgrade).collect();
        for alarm in alarms {
            alarm.raise();
        }
    }
}

#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
impl fmt::Debug for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alarms")
    }
}
