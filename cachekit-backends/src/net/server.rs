//! One server: whether it is worth asking, its connections, and an exchange with it in either flavour.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(any(feature = "redis", feature = "memcached"))]
use std::thread;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Permit};
use super::pool::{Pool, Slot};
#[cfg(any(feature = "redis", feature = "memcached"))]
use super::runtime::side_by_side;
use super::stream::within;
use super::wire::{Exchange, Repeat, Trouble, Verdict, Wire};
use super::{Deadline, Deadlines, Flavour, runtime};
use crate::sync::{Mutex, MutexExt as _};
use crate::{Error, ErrorKind, Result, ServerHealth};

/// How long a reply is read that had its time while other servers were waited for.
#[cfg(any(feature = "redis", feature = "memcached"))]
const GRACE: Duration = Duration::from_millis(10);

/// A server and its connections.
pub(crate) struct Server<W: Wire> {
    wire: W,
    name: String,
    deadlines: Deadlines,
    breaker: Breaker,
    pool: Pool<W::Connection>,
    /// The connection for async exchanges, and how many there were before it.
    shared: Mutex<(u64, Option<W::Shared>)>,
    /// Held by whoever makes one.
    connecting: tokio::sync::Mutex<()>,
    /// How many attempts to make one failed.
    failures: AtomicU64,
    /// How often connections turned out to be lost.
    losses: AtomicU64,
}

impl<W: Wire> Server<W> {
    /// A server that is not connected to yet; `name` is for messages, and `pool` the most connections of blocking callers.
    pub(crate) fn new(wire: W, name: impl Into<String>, deadlines: Deadlines, pool: usize) -> Arc<Self> {
        let name = name.into();
        Arc::new(Self {
            wire,
            breaker: Breaker::new(name.clone()),
            name,
            deadlines,
            pool: Pool::new(pool),
            shared: Mutex::new((0, None)),
            connecting: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            losses: AtomicU64::new(0),
        })
    }

    #[cfg(any(feature = "memcached", feature = "uwsgi"))]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How it does.
    pub(crate) fn health(&self) -> ServerHealth {
        self.breaker.health()
    }

    /// One exchange.
    ///
    /// # Errors
    ///
    /// When the server does not answer within its deadline, or not as it must.
    pub(crate) async fn call(
        self: &Arc<Self>,
        flavour: Flavour,
        request: W::Request,
        repeat: Repeat,
    ) -> Result<W::Reply> {
        match flavour {
            Flavour::Blocking => self.begin(&request).and_then(|begun| self.end(begun, &request, repeat)),
            Flavour::Async => self.start(request, repeat).await,
        }
    }

    /// Exchanges with several servers side by side, each at most once in the list; answers in the order of the calls.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    pub(crate) async fn call_all(
        calls: Vec<(Arc<Self>, W::Request)>,
        flavour: Flavour,
        repeat: Repeat,
    ) -> Vec<Result<W::Reply>> {
        match flavour {
            Flavour::Blocking => {
                let mut replies = Vec::with_capacity(calls.len());
                let begun = Self::begin_all(&calls);
                for ((server, request), begun) in calls.iter().zip(begun) {
                    replies.push(begun.and_then(|mut begun| {
                        // What came while another server was waited for came in time.
                        begun.deadline = begun.deadline.not_before(GRACE);
                        server.end(begun, request, repeat)
                    }));
                }
                replies
            }
            Flavour::Async => {
                let calls = calls.into_iter().map(|(server, request)| server.start(request, repeat));
                side_by_side(calls).await
            }
        }
    }

    /// Sends all requests before the first reply is waited for.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    fn begin_all(calls: &[(Arc<Self>, W::Request)]) -> Vec<Result<Begun<'_, W>>> {
        let mut order: Vec<usize> = (0..calls.len()).collect();
        // Everybody takes places in the same order: no two callers have what the other one waits for.
        order.sort_by_key(|place| Arc::as_ptr(&calls[*place].0));
        let mut begun: Vec<(usize, Result<Begun<'_, W>>)> = Vec::with_capacity(calls.len());
        let mut unconnected = Vec::new();
        for place in order {
            let (server, request) = &calls[place];
            match server.take(request) {
                Ok(Taken::Begun(sent)) => begun.push((place, Ok(sent))),
                Ok(Taken::Unconnected(free)) => unconnected.push((place, free)),
                Err(error) => begun.push((place, Err(error))),
            }
        }
        let connect = |place: usize, free| {
            let (server, request): &(Arc<Self>, W::Request) = &calls[place];
            (place, server.begin_anew(free, request))
        };
        // Side by side, so that several servers that are slow to connect to cost no more than one of them.
        let last = unconnected.pop();
        thread::scope(|scope| {
            let spawn = |(place, free)| {
                let thread = thread::Builder::new().spawn_scoped(scope, move || connect(place, free));
                (place, thread)
            };
            let threads: Vec<_> = unconnected.into_iter().map(spawn).collect();
            begun.extend(last.map(|(place, free)| connect(place, free)));
            for (place, thread) in threads {
                let outcome =
                    thread.map_err(Error::from).and_then(|thread| thread.join().map_err(|_| ended()));
                begun.push(outcome.unwrap_or_else(|error| (place, Err(calls[place].0.named(error)))));
            }
        });
        begun.sort_by_key(|(place, _)| *place);
        begun.into_iter().map(|(_, begun)| begun).collect()
    }

    /// Closes all connections: what is asked next is asked on a new one.
    fn flush(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        self.pool.flush();
    }

    /// Changes whenever a connection turns out to be lost: what was begun before may have been begun on a server that
    /// was replaced, or started anew.
    #[cfg(feature = "redis")]
    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// How it is spoken to.
    #[cfg(feature = "redis")]
    pub(crate) fn wire(&self) -> &W {
        &self.wire
    }

    /// How long connecting may take.
    #[cfg(feature = "redis")]
    pub(crate) fn connect_limit(&self) -> Duration {
        self.deadlines.connect
    }

    pub(crate) fn named(&self, error: Error) -> Error {
        error.with_context("server", &self.name)
    }

    fn begin(&self, request: &W::Request) -> Result<Begun<'_, W>> {
        match self.take(request)? {
            Taken::Begun(begun) => Ok(begun),
            Taken::Unconnected(free) => self.begin_anew(free, request),
        }
    }

    /// Takes a place in the pool, and sends the request if a connection is there.
    fn take(&self, request: &W::Request) -> Result<Taken<'_, W>> {
        let permit = self.breaker.admit()?;
        let start = Instant::now();
        let mut deadline = Deadline::of(start, self.deadlines.operation);
        let mut slot = self.pool.take(deadline).map_err(|error| self.named(error))?;
        if slot.has_waited() {
            deadline = deadline.begun();
        }
        if let Some(mut connection) = slot.connection() {
            match self.wire.send(&mut connection, request, deadline) {
                Ok(()) => {
                    let begun = Begun { permit, slot, connection, is_new: false, start, deadline };
                    return Ok(Taken::Begun(begun));
                }
                // Nothing was asked yet, or not all of it: on a new connection it is asked once.
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(self.give_up(permit, error)),
                Err(_) => self.flush(),
            }
        }
        Ok(Taken::Unconnected(Unconnected { permit, slot, start }))
    }

    /// Connects, and sends the request.
    fn begin_anew<'a>(&'a self, free: Unconnected<'a, W>, request: &W::Request) -> Result<Begun<'a, W>> {
        let Unconnected { permit, mut slot, start } = free;
        slot.renew();
        let sent = || {
            let mut connection =
                self.wire.connect(Deadline::after(self.left(start).min(self.deadlines.connect)))?;
            let deadline = Deadline::after(self.left(start).min(self.deadlines.operation));
            self.wire.send(&mut connection, request, deadline)?;
            Ok((connection, deadline))
        };
        match sent() {
            Ok((connection, deadline)) => {
                Ok(Begun { permit, slot, connection, is_new: true, start, deadline })
            }
            Err(error) => Err(self.give_up(permit, error)),
        }
    }

    fn end(&self, begun: Begun<'_, W>, request: &W::Request, repeat: Repeat) -> Result<W::Reply> {
        let Begun { permit, slot, mut connection, is_new, start, deadline } = begun;
        let reply = self.wire.receive(&mut connection, request, deadline);
        let outcome = reply.map_err(Trouble::from).and_then(|reply| self.judge(request, reply));
        match outcome {
            Ok(reply) => {
                permit.succeeded();
                if W::REUSABLE {
                    slot.give_back(connection);
                }
                Ok(reply)
            }
            Err(Trouble { error, may_repeat }) if !is_new && error.kind() != ErrorKind::TimedOut => {
                self.flush();
                drop(connection);
                if !may_repeat && repeat == Repeat::No {
                    return Err(self.give_up(permit, error));
                }
                let begun = self.begin_anew(Unconnected { permit, slot, start }, request)?;
                self.end(begun, request, repeat)
            }
            Err(Trouble { error, .. }) => {
                self.flush();
                Err(self.give_up(permit, error))
            }
        }
    }

    fn judge(&self, request: &W::Request, reply: W::Reply) -> Result<W::Reply, Trouble> {
        match self.wire.verdict(request, &reply) {
            Verdict::Fit => Ok(reply),
            Verdict::Unfit(error) => Err(Trouble { error, may_repeat: true }),
            #[cfg(feature = "redis")]
            Verdict::Garbled(error) => Err(Trouble { error, may_repeat: false }),
        }
    }

    fn give_up(&self, permit: Permit<'_>, error: Error) -> Error {
        let error = self.named(error);
        permit.failed(&error);
        error
    }

    /// Starts an async exchange: at once on a connection that is there, otherwise on the I/O thread.
    fn start(
        self: &Arc<Self>,
        request: W::Request,
        repeat: Repeat,
    ) -> impl Future<Output = Result<W::Reply>> + Send + use<W> {
        let server = Arc::clone(self);
        let start = Instant::now();
        let started = if let Some((number, exchange)) = self.begin_at_once(&request, start) {
            Started::Here(async move {
                let reply = exchange.await.and_then(|reply| server.judge(&request, reply));
                let trouble = match reply {
                    Ok(reply) => {
                        server.breaker.calm_permit().succeeded();
                        return Ok(reply);
                    }
                    Err(trouble) => trouble,
                };
                let before = Some((number, trouble));
                runtime::start(async move { server.run(&request, repeat, start, before).await })?.await
            })
        } else {
            // Nothing is spent on a server that is left alone.
            let run = async move { server.run(&request, repeat, start, None).await };
            Started::There(self.breaker.admit().map(drop).and_then(|()| runtime::start(run)))
        };
        async move {
            match started {
                Started::Here(exchange) => exchange.await,
                Started::There(exchange) => exchange?.await,
            }
        }
    }

    /// Begins an exchange where that takes nothing but a connection: its number, and the exchange.
    fn begin_at_once(&self, request: &W::Request, start: Instant) -> Option<(u64, Exchange<W::Reply>)> {
        if !self.breaker.is_calm() {
            return None;
        }
        let (number, shared) = self.open()?;
        let deadline = Deadline::of(start, self.deadlines.operation);
        Some((number, self.wire.begin(&shared, request, deadline)?))
    }

    /// An exchange that began at `start`; after what went wrong `before`, on which connection, it may be tried again.
    async fn run(
        &self,
        request: &W::Request,
        repeat: Repeat,
        start: Instant,
        mut before: Option<(u64, Trouble)>,
    ) -> Result<W::Reply> {
        let permit = if before.is_some() { self.breaker.calm_permit() } else { self.breaker.admit()? };
        let mut is_second = false;
        loop {
            let (number, is_new, outcome) = if let Some((number, trouble)) = before.take() {
                (number, false, Err(trouble))
            } else {
                let (number, is_new, shared) = match self.shared(start).await {
                    Ok(shared) => shared,
                    Err(error) => return Err(self.give_up(permit, error)),
                };
                (number, is_new, self.exchange(shared, request, self.left(start)).await)
            };
            let Trouble { error, may_repeat } = match outcome {
                Ok(reply) => {
                    permit.succeeded();
                    return Ok(reply);
                }
                Err(trouble) => trouble,
            };
            // Others may have lost the same connection: it is one failure, however many were on it.
            let is_first = self.forget(number);
            let is_late = error.kind() == ErrorKind::TimedOut;
            if is_new || is_second || is_late || !(may_repeat || repeat == Repeat::Yes) {
                let counts = is_first || is_new;
                return Err(if counts { self.give_up(permit, error) } else { self.named(error) });
            }
            is_second = true;
        }
    }

    /// One exchange on a connection, for which so much is left.
    async fn exchange(
        &self,
        shared: W::Shared,
        request: &W::Request,
        left: Duration,
    ) -> Result<W::Reply, Trouble> {
        // Where each exchange has a connection of its own, it has the time to make one.
        let limit = if W::REUSABLE { left.min(self.deadlines.operation) } else { left };
        let exchange = async {
            match self.wire.begin(&shared, request, Deadline::after(limit)) {
                Some(exchange) => Ok(exchange.await),
                None => self.wire.exchange(shared, request).await.map(Ok),
            }
        };
        within(limit, exchange).await.map_err(Trouble::from)?.and_then(|reply| self.judge(request, reply))
    }

    /// The connection for async exchanges, if there is one: its number, and itself.
    fn open(&self) -> Option<(u64, W::Shared)> {
        let shared = self.shared.locked();
        let (number, connection) = &*shared;
        let open = connection.as_ref().filter(|connection| self.wire.is_open(connection))?;
        Some((*number, open.clone()))
    }

    /// The connection for async exchanges, made if there is none: its number, whether it is new, and itself.
    async fn shared(&self, start: Instant) -> Result<(u64, bool, W::Shared)> {
        let failures = self.failures.load(Ordering::Relaxed);
        if let Some((number, open)) = self.open() {
            return Ok((number, false, open));
        }
        let _connecting = self.connecting.lock().await;
        if let Some((number, open)) = self.open() {
            return Ok((number, false, open));
        }
        // Whoever waited while an attempt failed does not make another one after it.
        if self.failures.load(Ordering::Relaxed) != failures {
            return Err(Error::new(ErrorKind::Backend, "the server cannot be connected to"));
        }
        let closed = self.shared.locked().1.take();
        if closed.is_some() {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        drop(closed);
        // Of the time, some may have been spent on waiting for others.
        let limit = self.left(start).min(self.deadlines.connect);
        let made = within(limit, self.wire.connect_shared()).await.inspect_err(|_| {
            self.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        let mut shared = self.shared.locked();
        shared.0 += 1;
        shared.1 = Some(made.clone());
        Ok((shared.0, true, made))
    }

    /// Leaves a connection, unless somebody did already; says whether it did.
    fn forget(&self, number: u64) -> bool {
        let left = {
            let mut shared = self.shared.locked();
            if shared.0 == number { shared.1.take() } else { None }
        };
        if left.is_some() {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        left.is_some()
    }

    /// What is left for an exchange that began so: time to connect and to do it, however often it is tried.
    fn left(&self, start: Instant) -> Duration {
        (self.deadlines.connect + self.deadlines.operation).saturating_sub(start.elapsed())
    }
}

/// A blocking request on its way.
struct Begun<'a, W: Wire> {
    permit: Permit<'a>,
    slot: Slot<'a, W::Connection>,
    connection: W::Connection,
    is_new: bool,
    start: Instant,
    deadline: Deadline,
}

/// A place in the pool, without a connection yet.
struct Unconnected<'a, W: Wire> {
    permit: Permit<'a>,
    slot: Slot<'a, W::Connection>,
    start: Instant,
}

/// How far a blocking request is once it has a place in the pool.
enum Taken<'a, W: Wire> {
    Begun(Begun<'a, W>),
    Unconnected(Unconnected<'a, W>),
}

/// An async exchange that was started.
enum Started<H, T> {
    /// By the caller itself.
    Here(H),
    /// On the I/O thread.
    There(T),
}

#[cfg(any(feature = "redis", feature = "memcached"))]
fn ended() -> Error {
    Error::new(ErrorKind::Backend, "connecting came to no end")
}

impl<W: Wire> fmt::Debug for Server<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("wire", &self.wire).finish_non_exhaustive()
    }
}
