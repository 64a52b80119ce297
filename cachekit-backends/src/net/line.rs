//! A line: one connection that any number of async exchanges share, each begun and awaited wherever its caller is.
//!
//! A caller puts its request into the queue itself, and one of them writes what is queued in one go ([`queue`]). A task on
//! the I/O thread reads what came in one go, and has those woken whose replies are whole. So an exchange costs no task, no
//! timer and no hop of its own.
//!
//! Whoever finds the queue empty is to have it sent, but lets the others of its executor that are about to ask do so
//! first: it does it when it is polled again, unless a batch is full before. Should that take long, the task looks into
//! the queue by itself, as often as [`LOOK`] while the line is in use; on the same occasion it looks for requests that
//! are late, and wakes whoever was to be woken by another caller.

mod queue;

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::ReadBuf;
use tokio::time::Sleep;

use self::queue::{Batch, Call, Queue, Shared};
use super::deadline::late;
use super::input::Input;
use super::reply::{Baton, Giver, Reply, give_all, reply};
use super::stream::Duplex;
use super::wire::Trouble;
use crate::sync::MutexExt as _;
use crate::{Error, ErrorKind, Result};

/// While a line is in use, its task looks after it so often.
const LOOK: Duration = Duration::from_millis(10);
/// So many requests go out without waiting for more, and share a tag at most. While the server is busy with them, their
/// successors are made.
const BATCH: usize = 16;
/// What is kept of the room that long requests needed.
const KEPT: usize = 1 << 20;

/// What is spoken on a line: requests go out and replies come back in the same order.
///
/// Errors of these functions mean that the line is of no more use.
pub(crate) trait Protocol: Send + Sync + 'static {
    type Request: Send + Sync;
    type Reply: Send + 'static;
    /// What reads the reply to one request, as it comes.
    type Reader: Send + 'static;
    /// What shows after a batch of requests that the replies were those to them, where replies carry no names.
    type Tag: Send + 'static;

    /// Appends a request.
    fn ask(&self, request: &Self::Request, out: &mut Vec<u8>) -> Self::Reader;

    /// Takes a reply from what came; `None` if there is more to come.
    fn read(&self, reader: &mut Self::Reader, input: &mut Input) -> Result<Option<Self::Reply>>;

    /// Appends a tag.
    fn tag(&self, out: &mut Vec<u8>) -> Option<Self::Tag>;

    /// Takes the reply to a tag, once the replies to its batch are there; `false` if there is more to come.
    fn check(&self, tag: &mut Self::Tag, replies: &[Self::Reply], input: &mut Input) -> Result<bool>;
}

/// The callers' end. When the last clone and the last exchange are dropped, the connection is closed as soon as what was
/// asked is answered, or late.
pub(crate) struct Line<P: Protocol>(Arc<End<P>>);

struct End<P: Protocol>(Arc<Shared<P>>);

impl<P: Protocol> Line<P> {
    /// Starts the task of a connection, on the I/O thread.
    pub(crate) fn start(protocol: P, socket: Box<dyn Duplex>) -> Self {
        let shared = Arc::new(Shared::new(protocol, socket.again()));
        let mut task = Task {
            shared: Arc::clone(&shared),
            socket,
            out: Vec::new(),
            written: 0,
            is_writing: false,
            awaited: VecDeque::new(),
            input: Input::default(),
            batons: Vec::new(),
            tick: Box::pin(tokio::time::sleep(LOOK)),
            is_ticking: false,
            is_used: false,
        };
        tokio::spawn(async move {
            let end = poll_fn(|cx| task.poll(cx)).await;
            task.close(end);
        });
        Self(Arc::new(End(shared)))
    }

    /// Whether the connection is one still, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        self.0.0.queue.locked().is_open
    }

    /// Begins an exchange that is to end before an instant.
    pub(crate) fn begin(&self, request: &P::Request, deadline: Instant) -> Exchange<P> {
        let (caller, reply) = reply();
        let shared = &*self.0.0;
        let mut queue = shared.queue.locked();
        let mut leads = false;
        if queue.is_open {
            leads = queue.batches.is_empty();
            let is_full = queue.push(&shared.protocol, request, |reader| Call {
                reader,
                caller: Some(caller),
                deadline,
            });
            if !queue.is_watched || is_full {
                leads = false;
                shared.send_queue(queue);
            }
        } else {
            drop(queue);
            caller.give(Err(Trouble { error: lost(), may_repeat: true }));
        }
        Exchange { line: self.clone(), reply, leads, has_yielded: false }
    }
}

impl<P: Protocol> Clone for Line<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Protocol> fmt::Debug for Line<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}

impl<P: Protocol> Drop for End<P> {
    fn drop(&mut self) {
        let task = {
            let mut queue = self.0.queue.locked();
            (queue.is_open, queue.is_due) = (false, true);
            queue.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// An exchange that was begun. Dropped, its reply is read all the same, and nobody's.
pub(crate) struct Exchange<P: Protocol> {
    line: Line<P>,
    reply: Reply<Result<P::Reply, Trouble>>,
    /// Is to have the queue written.
    leads: bool,
    has_yielded: bool,
}

impl<P: Protocol> Future for Exchange<P> {
    type Output = Result<P::Reply, Trouble>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.leads {
            if !std::mem::replace(&mut self.has_yielded, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.leads = false;
            self.line.0.0.send();
        }
        let reply = ready!(Pin::new(&mut self.reply).poll(cx));
        Poll::Ready(reply.unwrap_or_else(|| Err(lost().into())))
    }
}

impl<P: Protocol> Drop for Exchange<P> {
    fn drop(&mut self) {
        if self.leads {
            self.line.0.0.send();
        }
    }
}

/// A reply, and who is to have it.
type Given<P> = (Giver<Result<<P as Protocol>::Reply, Trouble>>, Result<<P as Protocol>::Reply, Trouble>);

/// What moves the bytes of a line.
struct Task<P: Protocol> {
    shared: Arc<Shared<P>>,
    socket: Box<dyn Duplex>,
    /// What is being written, and how much of it is.
    out: Vec<u8>,
    written: usize,
    /// Something is being written here, or has to be flushed.
    is_writing: bool,
    awaited: VecDeque<Batch<P>>,
    input: Input,
    /// Those that were handed out since the last look.
    batons: Vec<Baton>,
    tick: Pin<Box<Sleep>>,
    is_ticking: bool,
    /// Something was written since the last look.
    is_used: bool,
}

impl<P: Protocol> Task<P> {
    /// Ready when the line is at its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let is_over = self.take(cx);
            let write = self.poll_write(cx)?;
            self.poll_read(cx)?;
            if is_over && self.awaited.is_empty() && write.is_ready() {
                return Poll::Ready(Ok(()));
            }
            if !self.is_ticking || self.tick.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.look();
        }
    }

    /// Takes what is to be written here; says whether no more will come.
    fn take(&mut self, cx: &mut Context<'_>) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.queue.locked();
        if queue.task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            queue.task = Some(cx.waker().clone());
        }
        if queue.is_watched && !self.is_ticking {
            self.is_ticking = true;
            self.tick.as_mut().reset(tokio::time::Instant::now() + LOOK);
        }
        self.take_from(&mut queue);
        !queue.is_open && queue.batches.is_empty()
    }

    fn take_from(&mut self, queue: &mut Queue<P>) {
        if !self.is_writing
            && let Some(bytes) = queue.take_rest().or_else(|| queue.take_due(&self.shared.protocol))
        {
            (self.out, self.written, self.is_writing) = (bytes, 0, true);
        }
        self.note_sent(queue);
    }

    /// Awaits the replies to what others wrote, and to what is written here.
    fn note_sent(&mut self, queue: &mut Queue<P>) {
        self.is_used |= !queue.sent.is_empty();
        self.awaited.append(&mut queue.sent);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.is_writing {
            while self.written < self.out.len() {
                match ready!(Pin::new(&mut *self.socket).poll_write(cx, &self.out[self.written..]))? {
                    0 => return Poll::Ready(Err(lost())),
                    count => self.written += count,
                }
            }
            ready!(Pin::new(&mut *self.socket).poll_flush(cx))?;
            let shared = Arc::clone(&self.shared);
            let mut queue = shared.queue.locked();
            self.is_writing = false;
            queue.is_done(std::mem::take(&mut self.out));
            // What became due meanwhile.
            self.take_from(&mut queue);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what is there, and hands out the replies in it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<()> {
        loop {
            let mut room = ReadBuf::new(self.input.room());
            let Poll::Ready(read) = Pin::new(&mut *self.socket).poll_read(cx, &mut room) else {
                return Ok(());
            };
            read?;
            match room.filled().len() {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => self.input.arrived(count),
            }
            self.hand_out()?;
        }
    }

    fn hand_out(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        self.note_sent(&mut shared.queue.locked());
        let mut given = Vec::new();
        let taken = self.take_replies(&mut given);
        if let Some(baton) = give_all(given.into_iter()) {
            if self.batons.len() == BATCH {
                self.batons.retain(Baton::is_out);
            }
            self.batons.push(baton);
        }
        taken
    }

    /// Takes replies from what came, and who waits for them.
    fn take_replies(&mut self, given: &mut Vec<Given<P>>) -> Result<()> {
        let protocol = &self.shared.protocol;
        while let Some(batch) = self.awaited.front_mut() {
            for call in &mut batch.calls[batch.replies.len()..] {
                match protocol.read(&mut call.reader, &mut self.input)? {
                    Some(reply) => batch.replies.push(reply),
                    None => return Ok(()),
                }
            }
            if let Some(tag) = &mut batch.tag
                && !protocol.check(tag, &batch.replies, &mut self.input)?
            {
                return Ok(());
            }
            let Some(batch) = self.awaited.pop_front() else { return Ok(()) };
            let replies = batch.calls.into_iter().zip(batch.replies);
            given.extend(replies.filter_map(|(call, reply)| Some((call.caller?, Ok(reply)))));
        }
        if self.input.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Backend, "the server said more than it was asked"))
    }

    /// Tells those whose time is over. The others may still have their replies, but nothing is asked here any more.
    fn look(&mut self) {
        self.batons.drain(..).for_each(|baton| baton.run());
        let now = Instant::now();
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.queue.locked();
        self.note_sent(&mut queue);
        let mut next = now + LOOK;
        for call in self.awaited.iter_mut().chain(&mut queue.batches).flat_map(|batch| &mut batch.calls) {
            if call.deadline > now {
                next = next.min(call.deadline);
            } else if let Some(caller) = call.caller.take() {
                caller.give(Err(late().into()));
            }
        }
        let is_late = |batch: &Batch<P>| batch.calls.iter().any(|call| call.caller.is_none());
        if self.awaited.iter().chain(&queue.batches).any(is_late) {
            queue.is_open = false;
        }
        // Nobody waits for what is late, and nothing else will come of it.
        let is_hopeless = |batch: &Batch<P>| batch.calls.iter().all(|call| call.caller.is_none());
        if !queue.is_open && self.awaited.iter().all(is_hopeless) {
            self.awaited.clear();
        }
        let is_idle = self.awaited.is_empty() && queue.batches.is_empty() && !self.is_used;
        queue.is_watched = !is_idle;
        queue.is_due |= !queue.batches.is_empty();
        self.is_ticking = !is_idle;
        self.is_used = false;
        if !is_idle {
            self.tick.as_mut().reset(next.into());
        }
    }

    /// Tells everybody who waits that the line is at its end.
    fn close(&mut self, end: Result<()>) {
        let mut unsent = {
            let shared = Arc::clone(&self.shared);
            let mut queue = shared.queue.locked();
            queue.close();
            self.note_sent(&mut queue);
            std::mem::take(&mut queue.batches)
        };
        self.batons.drain(..).for_each(|baton| baton.run());
        let mut reason = end.err();
        let callers = |batches: &mut VecDeque<Batch<P>>| {
            let calls = std::mem::take(batches).into_iter().flat_map(|batch| batch.calls);
            calls.filter_map(|call| call.caller).collect::<Vec<_>>()
        };
        for caller in callers(&mut self.awaited) {
            caller.give(Err(reason.take().unwrap_or_else(lost).into()));
        }
        for caller in callers(&mut unsent) {
            caller.give(Err(Trouble { error: lost(), may_repeat: true }));
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Backend, "the connection to the server was lost")
}

#[cfg(test)]
mod tests;
