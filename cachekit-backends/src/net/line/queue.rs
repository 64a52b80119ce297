//! What is to be written on a line, and who writes it.
//!
//! Whoever has the queue sent writes it to the socket, if that takes bytes from anybody (a plain one) and nobody else is
//! writing: to wake the task for it would take a call to the system, and the time until its thread has a processor. What
//! the socket does not take at once is the task's, and so is all on other lines.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use socket2::Socket;

use super::{BATCH, KEPT, Protocol};
use crate::Result;
use crate::net::reply::Giver;
use crate::net::wire::Trouble;
use crate::sync::{Mutex, MutexExt as _, MutexGuard};

/// Without waiting, and without a signal to the process if the peer is gone. Where there is no flag for that, sockets are
/// made so.
#[cfg(any(target_os = "linux", target_os = "android"))]
const AT_ONCE: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const AT_ONCE: libc::c_int = libc::MSG_DONTWAIT;

/// How often one caller writes what others ask for meanwhile.
const TURNS: usize = 4;

pub(super) struct Shared<P: Protocol> {
    pub(super) protocol: P,
    pub(super) queue: Mutex<Queue<P>>,
}

/// What is to be written next.
pub(super) struct Queue<P: Protocol> {
    out: Vec<u8>,
    /// Room for what comes while that is written. None while somebody writes, and nobody else may.
    spare: Option<Vec<u8>>,
    pub(super) batches: VecDeque<Batch<P>>,
    pub(super) is_open: bool,
    /// It is time to write.
    pub(super) is_due: bool,
    /// The task looks after the line.
    pub(super) is_watched: bool,
    /// Batches that somebody writes, of which the task does not know yet.
    pub(super) sent: VecDeque<Batch<P>>,
    /// What the socket did not take: the task has it written, as who writes now.
    rest: Vec<u8>,
    /// The socket, if anybody may write to it.
    direct: Option<Arc<Socket>>,
    pub(super) task: Option<Waker>,
}

/// Requests that go out together, and the replies to the first of them.
pub(super) struct Batch<P: Protocol> {
    pub(super) calls: Vec<Call<P>>,
    pub(super) replies: Vec<P::Reply>,
    pub(super) tag: Option<P::Tag>,
    /// Nothing is added to it.
    is_closed: bool,
}

/// A request and who waits for its reply, which is read whether anybody waits or not.
pub(super) struct Call<P: Protocol> {
    pub(super) reader: P::Reader,
    pub(super) caller: Option<Giver<Result<P::Reply, Trouble>>>,
    pub(super) deadline: Instant,
}

impl<P: Protocol> Shared<P> {
    pub(super) fn new(protocol: P, direct: Option<Socket>) -> Self {
        let queue = Queue {
            out: Vec::new(),
            spare: Some(Vec::new()),
            batches: VecDeque::new(),
            is_open: true,
            is_due: false,
            is_watched: false,
            sent: VecDeque::new(),
            rest: Vec::new(),
            direct: direct.map(Arc::new),
            task: None,
        };
        Self { protocol, queue: Mutex::new(queue) }
    }

    /// Has what is queued written, if anything is.
    pub(super) fn send(&self) {
        let queue = self.queue.locked();
        if !queue.batches.is_empty() {
            self.send_queue(queue);
        }
    }

    /// Has the queue written.
    pub(super) fn send_queue(&self, mut queue: MutexGuard<'_, Queue<P>>) {
        queue.is_due = true;
        let is_watched = std::mem::replace(&mut queue.is_watched, true);
        let task = queue.task.clone().filter(|_| !is_watched || queue.direct.is_none());
        match queue.direct.clone() {
            Some(socket) => self.write(queue, &socket),
            None => drop(queue),
        }
        task.into_iter().for_each(Waker::wake);
    }

    /// Writes what is due, as far as the socket takes it.
    fn write<'a>(&'a self, mut queue: MutexGuard<'a, Queue<P>>, socket: &Socket) {
        // A few times: those who ask meanwhile are not to keep this caller here.
        for _ in 0..TURNS {
            let Some(bytes) = queue.take_due(&self.protocol) else { return };
            drop(queue);
            let written = send_at_once(socket, &bytes);
            queue = self.queue.locked();
            if written < bytes.len() {
                queue.rest = bytes;
                queue.rest.drain(..written);
                break;
            }
            queue.is_done(bytes);
        }
        let task = queue.task.clone().filter(|_| queue.is_due || !queue.rest.is_empty());
        drop(queue);
        task.into_iter().for_each(Waker::wake);
    }
}

/// How much of it a socket takes. What is wrong with it the task finds out.
fn send_at_once(socket: &Socket, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match socket.send_with_flags(&bytes[written..], AT_ONCE) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

impl<P: Protocol> Queue<P> {
    /// Adds a request; says whether it fills a batch.
    pub(super) fn push(
        &mut self,
        protocol: &P,
        request: &P::Request,
        call: impl FnOnce(P::Reader) -> Call<P>,
    ) -> bool {
        if self.batches.back().is_none_or(|batch| batch.is_closed) {
            let calls = Vec::with_capacity(BATCH);
            self.batches.push_back(Batch { calls, replies: Vec::new(), tag: None, is_closed: false });
        }
        let Some(batch) = self.batches.back_mut() else { return false };
        batch.calls.push(call(protocol.ask(request, &mut self.out)));
        let is_full = batch.calls.len() == BATCH;
        if is_full {
            batch.close(protocol, &mut self.out);
        }
        is_full
    }

    /// Takes what is due, for one who is to say when it [`is_done`](Self::is_done); nothing while another one writes.
    pub(super) fn take_due(&mut self, protocol: &P) -> Option<Vec<u8>> {
        if !self.is_due || self.spare.is_none() {
            return None;
        }
        self.is_due = false;
        self.batches.back_mut()?.close(protocol, &mut self.out);
        // Before the first byte is written: the reply may come at once.
        self.sent.append(&mut self.batches);
        self.spare.take().map(|spare| std::mem::replace(&mut self.out, spare))
    }

    /// What a caller could not write, for the task to write and to say when it [`is_done`](Self::is_done).
    pub(super) fn take_rest(&mut self) -> Option<Vec<u8>> {
        (!self.rest.is_empty()).then(|| std::mem::take(&mut self.rest))
    }

    /// Notes that these bytes were written.
    pub(super) fn is_done(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        bytes.shrink_to(KEPT);
        self.spare = Some(bytes);
    }

    /// Closes the socket, as far as it is held here.
    pub(super) fn close(&mut self) {
        (self.is_open, self.task, self.direct) = (false, None, None);
    }
}

impl<P: Protocol> Batch<P> {
    fn close(&mut self, protocol: &P, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.is_closed, true) {
            self.tag = protocol.tag(out);
        }
    }
}
