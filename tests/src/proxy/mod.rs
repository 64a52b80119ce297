//! A TCP proxy before a server, which spoils what passes, as the test tells it to, while connections are open.
//!
//! ```no_run
//! use cachekit_tests::proxy::{Fault, Proxy};
//! use cachekit_tests::servers::Redis;
//!
//! let Some(redis) = Redis::start() else { return };
//! let proxy = Proxy::new(redis.address());
//! let url = format!("redis://{}", proxy.address());
//! proxy.set(Fault::BlackHole);
//! ```

mod connection;
mod counts;
mod fault;
mod requests;

use std::collections::HashMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connection::{Connection, Ending};
use counts::Counters;
pub use counts::Counts;
pub use fault::Fault;

use crate::servers::Port;

/// A port on 127.0.0.1 whose connections are passed on to a server, unless a [`Fault`] is set.
pub struct Proxy {
    port: Port,
    shared: Arc<Shared>,
    /// Owns the listener; none while connections are refused.
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

/// What the proxy and its threads share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// A connection is gone.
    gone: Condvar,
    counters: Counters,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    fault: Fault,
    /// Counts the faults that were set: what a connection has done under an earlier one does not count for this.
    generation: u64,
    accepts: bool,
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

impl Proxy {
    /// Before that server, which need not be up yet. Everything passes.
    ///
    /// # Panics
    ///
    /// If there is no port to be had.
    pub fn new(target: SocketAddr) -> Self {
        let state = State {
            target,
            fault: Fault::Pass,
            generation: 0,
            accepts: false,
            next: 0,
            connections: HashMap::new(),
        };
        let shared = Shared { state: Mutex::new(state), gone: Condvar::new(), counters: Counters::default() };
        let proxy = Self { port: Port::free(), shared: Arc::new(shared), acceptor: Mutex::new(None) };
        proxy.accept(true);
        proxy
    }

    /// `127.0.0.1` and its port, which stays the same.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The server that new connections are passed on to.
    pub fn set_target(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// What happens from now on, on open connections as on new ones.
    ///
    /// # Panics
    ///
    /// If somebody took the port while connections were refused.
    pub fn set(&self, fault: Fault) {
        let accepts = fault != Fault::Refuse;
        let mut state = self.shared.state();
        state.fault = fault;
        state.generation += 1;
        drop(state);
        self.accept(accepts);
    }

    /// Resets all open connections (RST) and returns when they are gone.
    pub fn reset_connections(&self) {
        self.shared.end_all(Ending::Reset);
    }

    /// Closes all open connections (FIN) and returns when they are gone.
    pub fn close_connections(&self) {
        self.shared.end_all(Ending::Close);
    }

    /// What has passed since the start or [`reset_counts`](Self::reset_counts).
    pub fn counts(&self) -> Counts {
        let open = self.shared.state().connections.len();
        self.shared.counters.read(open)
    }

    /// Counts from 0 again.
    pub fn reset_counts(&self) {
        self.shared.counters.reset();
    }

    /// Starts or stops listening; done when it returns.
    fn accept(&self, accepts: bool) {
        let mut acceptor = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.state().accepts = accepts;
        match acceptor.take() {
            Some(thread) if !accepts => {
                // Wakes it, so that it sees.
                let _ = TcpStream::connect(self.address());
                let _ = thread.join();
            }
            None if accepts => {
                let listener = TcpListener::bind(self.address()).expect("the proxy's port");
                let shared = Arc::clone(&self.shared);
                *acceptor = Some(thread::spawn(move || shared.accept_from(&listener)));
            }
            same => *acceptor = same,
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { target, fault, .. } = &*self.shared.state();
        f.debug_struct("Proxy")
            .field("port", &self.port())
            .field("target", target)
            .field("fault", fault)
            .finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept(false);
        self.shared.end_all(Ending::Close);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault of now, and its number.
    fn fault(&self) -> (Fault, u64) {
        let state = self.state();
        (state.fault.clone(), state.generation)
    }

    fn accept_from(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let mut state = self.state();
            if !state.accepts {
                return;
            }
            let Ok(connection) = client.and_then(|client| Connection::new(client, state.target)) else {
                continue;
            };
            let (id, connection) = (state.next, Arc::new(connection));
            state.next += 1;
            state.connections.insert(id, Arc::clone(&connection));
            drop(state);
            self.counters.connected();
            let shared = Arc::clone(self);
            thread::spawn(move || {
                connection.run(&shared);
                // Here it is dropped last, and with it the socket closed.
                drop(connection);
                shared.state().connections.remove(&id);
                shared.gone.notify_all();
            });
        }
    }

    fn end_all(&self, ending: Ending) {
        let mut state = self.state();
        let ids: Vec<u64> = state.connections.keys().copied().collect();
        for connection in state.connections.values() {
            connection.end(ending);
        }
        let open = |state: &mut State| ids.iter().any(|id| state.connections.contains_key(id));
        // A thread that is in the middle of a long write sees it at the end of that.
        let patience = Duration::from_secs(5);
        state = self.gone.wait_timeout_while(state, patience, open).unwrap_or_else(PoisonError::into_inner).0;
        drop(state);
    }
}
