//! Being told what changes: a connection to each server that keeps keys, on which it says so by itself
//! (`CLIENT TRACKING` in broadcast mode, which is a matter of the third version of the protocol).
//!
//! In broadcast mode a server tells of every key with the prefix, whoever reads it on whichever connection, and keeps
//! nothing for it but the prefix. So the connections that read need not be known to it, and none that is made anew has to
//! be announced. The price is that it tells of each write under the prefix, also of what was never read here.
//!
//! Either all servers tell, or nothing counts as told: when one connection is lost, a cluster moves keys to another node, or
//! sentinels name another master, all of them are made anew. A connection that is dead without a sign is noticed within [`PAUSE`] and [`PATIENCE`].

mod alarm;
mod connection;
mod message;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

pub(super) use self::alarm::Alarm;
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
pub(super) use self::alarm::Alarms;
use self::connection::Connection;
use super::route::Route;
use crate::net::{Flavour, keep, side_by_side, within};
use crate::{Error, ErrorKind, Listener, Result, Watch};

/// A server that said nothing for so long is asked whether it is there.
const PAUSE: Duration = Duration::from_secs(1);
/// It has to answer within this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between attempts to connect, which are made less and less often.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// The log is told at most once in so long.
const QUIET: Duration = Duration::from_secs(10);

/// Tells a listener what changes under a prefix, until what this gives is dropped; `None` where connections are the
/// user's, which cannot be told on.
pub(super) fn watch(route: &Route, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
    if !route.tells() {
        return None;
    }
    let watcher =
        Watcher { route: route.clone(), prefix: prefix.to_owned(), alarm: Alarm::on(route, listener) };
    // Without the I/O thread nothing is told, and whoever asked has to do without.
    keep(watcher.run()).ok().map(Watch::new)
}

/// Keeps the connections.
struct Watcher {
    route: Route,
    prefix: String,
    alarm: Arc<Alarm>,
}

impl Watcher {
    async fn run(self) {
        let mut pause = FIRST;
        let mut warned: Option<Instant> = None;
        loop {
            let error = match self.tell().await {
                Ok(error) => {
                    pause = FIRST;
                    error
                }
                Err(error) => error,
            };
            let is_news = warned.is_none_or(|warned| warned.elapsed() >= QUIET);
            let level = if is_news { log::Level::Warn } else { log::Level::Debug };
            log::log!(level, "nothing is kept near for the moment: {error:#}");
            warned = if is_news { Some(Instant::now()) } else { warned };
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
        let listener = self.alarm.listener();
        let before = self.alarm.raised();
        let masters = self.route.masters(Flavour::Async).await?;
        let connect = masters.iter().map(|server| {
            let must_lead = self.route.must_lead(server);
            let connection = Connection::open(server.wire(), must_lead, &self.prefix);
            async move { within(server.connect_limit(), connection).await.map_err(|e| server.named(e)) }
        });
        let connections: Vec<Connection> = side_by_side(connect).await.into_iter().collect::<Result<_>>()?;
        listener.began();
        // It ends also when this future is dropped.
        let _end = End(listener);
        if self.alarm.raised() != before {
            return Ok(moved());
        }
        let lost = first(
            connections
                .into_iter()
                .zip(&masters)
                .map(|(connection, server)| async move { server.named(connection.listen(listener).await) }),
        );
        let moving = async {
            self.alarm.hear(before).await;
            moved()
        };
        Ok(either(lost, moving).await)
    }
}

fn moved() -> Error {
    Error::new(ErrorKind::Backend, "the keys are, or may be, on another server now")
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
        ready @ Poll::Ready(_) => ready,
    })
    .await
}
