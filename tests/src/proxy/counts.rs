//! What has passed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What has passed a [`Proxy`](super::Proxy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that are open now; no count, so [`reset_counts`](super::Proxy::reset_counts) leaves it.
    pub open: u64,
    /// Requests: commands of Redis, packets of Memcached's binary protocol, requests of uWSGI; of other protocols lines.
    pub requests: u64,
    /// How often a client has spoken after it was answered, or first: pipelined requests are one.
    pub round_trips: u64,
    /// Bytes from clients.
    pub sent: u64,
    /// Bytes to clients.
    pub received: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
    round_trips: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counters {
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// Bytes of a client, that so many requests end in, and whether they begin a round trip.
    pub(super) fn sent(&self, bytes: usize, requests: usize, first: bool) {
        self.sent.fetch_add(bytes as u64, Relaxed);
        self.requests.fetch_add(requests as u64, Relaxed);
        self.round_trips.fetch_add(first.into(), Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn read(&self, open: usize) -> Counts {
        Counts {
            connections: self.connections.load(Relaxed),
            open: open as u64,
            requests: self.requests.load(Relaxed),
            round_trips: self.round_trips.load(Relaxed),
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
        }
    }

    pub(super) fn reset(&self) {
        for counter in [&self.connections, &self.requests, &self.round_trips, &self.sent, &self.received] {
            counter.store(0, Relaxed);
        }
    }
}
