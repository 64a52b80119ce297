//! Being told what changes: a connection to each server that keeps keys, on which it says so by itself
//! (`CLIENT TRACKING` in broadcast mode, which is a matter of the third version of the protocol).
//!
//! In broadcast mode a server tells of every key with the prefix, whoever reads it on whichever connection, and keeps
//! nothing for it but the prefix. So the connections that read need not be known to it, and none that is made anew has to
//! be announced. The price is that it tells of each write under the prefix, also of what was never read here.
//!
//! Either all servers tell, or nothing counts as told: when one connection is lost, a cluster moves keys to another node, or
//! sentinels name another master, all of them are made anew. A connection that is dead without a sign is noticed within [`PAUSE`] and [`PATIENCE`].

mod connection;
mod message;

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use self::connection::Connection;
#[cfg(feature = "redis-cluster")]
use super::cluster::Cluster;
use super::route::Route;
use super::wire::Node;
use crate::net::{Flavour, Server, keep, side_by_side, within};
use crate::sync::{Mutex, MutexExt as _};
use crate::{Error, Listener, Result, Watch};

/// A server that said nothing for so long is asked whether it is there.
const PAUSE: Duration = Duration::from_secs(1);
/// It has to answer within this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between attempts to connect, which are made less and less often.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Tells a listener what changes under a prefix, until what this gives is dropped; `None` where connections are the
/// user's, which cannot be told on.
pub(super) fn watch(route: &Route, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
    if !route.tells() {
        return None;
    }
    let alarm = Arc::new(Alarm { raised: AtomicU64::new(0), heard: Notify::new(), listener });
    let servers = match route {
        Route::One(server) => {
            server.wire().source.alarm(&alarm);
            Servers::One(Arc::clone(server))
        }
        #[cfg(feature = "redis-cluster")]
        Route::Cluster(cluster) => {
            cluster.alarms.add(&alarm);
            Servers::Cluster(Arc::clone(cluster))
        }
    };
    let watcher = Watcher { servers, prefix: prefix.to_owned(), alarm };
    // Without the I/O thread nothing is told, and whoever asked has to do without.
    keep(watcher.run()).ok().map(Watch::new)
}

/// Those who are to know when keys may be elsewhere than before.
#[derive(Default)]
pub(super) struct Alarms(Mutex<Vec<Weak<Alarm>>>);

impl Alarms {
    pub(super) fn add(&self, alarm: &Arc<Alarm>) {
        let mut alarms = self.0.locked();
        alarms.retain(|alarm| alarm.strong_count() > 0);
        alarms.push(Arc::downgrade(alarm));
    }

    /// Raises all of them: to be called before anything is asked where the keys may be now.
    pub(super) fn raise(&self) {
        let alarms: Vec<_> = self.0.locked().iter().filter_map(Weak::upgrade).collect();
        alarms.iter().for_each(|alarm| alarm.raise());
    }
}

impl fmt::Debug for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alarms")
    }
}

/// Raised when keys may be elsewhere: on a server that was not asked to tell of them.
pub(super) struct Alarm {
    raised: AtomicU64,
    heard: Notify,
    listener: Arc<dyn Listener>,
}

impl Alarm {
    /// Raises it. When this returns, the listener relies on nothing that was read before.
    fn raise(&self) {
        self.raised.fetch_add(1, Ordering::SeqCst);
        self.listener.ended();
        self.heard.notify_one();
    }

    fn is_raised_since(&self, before: u64) -> bool {
        self.raised.load(Ordering::SeqCst) != before
    }

    /// Waits until it is raised.
    async fn hear(&self, before: u64) -> Error {
        while !self.is_raised_since(before) {
            self.heard.notified().await;
        }
        Error::new(crate::ErrorKind::Backend, "the keys are, or may be, on another server now")
    }
}

/// Who is to tell.
enum Servers {
    One(Arc<Server<Node>>),
    #[cfg(feature = "redis-cluster")]
    Cluster(Arc<Cluster>),
}

impl Servers {
    async fn masters(&self) -> Result<Vec<Arc<Server<Node>>>> {
        match self {
            Self::One(server) => Ok(vec![Arc::clone(server)]),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => cluster.masters(Flavour::Async).await,
        }
    }

    /// Whether a server must be the master all the time.
    fn must_lead(&self, server: &Server<Node>) -> bool {
        match self {
            Self::One(_) => server.wire().source.follows_a_master(),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => true,
        }
    }
}

/// Keeps the connections.
struct Watcher {
    servers: Servers,
    prefix: String,
    alarm: Arc<Alarm>,
}

impl Watcher {
    async fn run(self) {
        let mut pause = FIRST;
        let mut is_missed = false;
        loop {
            let error = match self.tell().await {
                Ok(error) => {
                    pause = FIRST;
                    is_missed = false;
                    error
                }
                Err(error) => error,
            };
            let level = if is_missed { log::Level::Debug } else { log::Level::Warn };
            log::log!(level, "nothing is kept near for the moment: {error:#}");
            is_missed = true;
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST);
        }
    }

    /// Connects, and tells for as long as all connections are there; gives why they are not any more.
    ///
    /// # Errors
    ///
    /// When not all servers can be connected to.
    async fn tell(&self) -> Result<Error> {
        let listener = &*self.alarm.listener;
        let before = self.alarm.raised.load(Ordering::SeqCst);
        let masters = self.servers.masters().await?;
        let connect = masters.iter().map(|server| {
            let must_lead = self.servers.must_lead(server);
            let connection = Connection::open(server.wire(), must_lead, &self.prefix);
            async move { within(server.connect_limit(), connection).await.map_err(|e| server.named(e)) }
        });
        let connections: Vec<Connection> = side_by_side(connect).await.into_iter().collect::<Result<_>>()?;
        listener.began();
        // It ends also when this future is dropped.
        let _end = End(listener);
        if self.alarm.is_raised_since(before) {
            return Ok(self.alarm.hear(before).await);
        }
        let moved = self.alarm.hear(before);
        let lost = first(
            connections
                .into_iter()
                .zip(&masters)
                .map(|(connection, server)| async move { server.named(connection.listen(listener).await) }),
        );
        Ok(either(lost, moved).await)
    }
}

struct End<'a>(&'a dyn Listener);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// What the first of several futures comes to.
async fn first<F: Future>(futures: impl Iterator<Item = F>) -> F::Output {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    poll_fn(move |cx| {
        let ready = futures.iter_mut().find_map(|future| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

async fn either<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    poll_fn(move |cx| match one.as_mut().poll(cx) {
        Poll::Pending => other.as_mut().poll(cx),
        ready => ready,
    })
    .await
}
