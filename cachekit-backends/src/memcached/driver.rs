//! One connection for any number of async exchanges at once: a task that writes requests as they come and gives each
//! reply to whoever waits for it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{
    AsyncBufRead, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter,
};
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Exchange, HEADER};
use super::replies::{AT_ONCE, Answer, Replies};
use super::wire::Reply;
use crate::{Error, ErrorKind, Result};

/// So many requests wait to be written, and so many for their replies; callers beyond that wait to be let in.
const QUEUE: usize = 1024;

/// The callers' end of a connection. The connection is closed when the last clone is dropped, or when anything is wrong
/// with it: then everybody who waits is told.
#[derive(Clone)]
pub(super) struct Shared {
    requests: mpsc::Sender<Call>,
    _open: Arc<oneshot::Sender<()>>,
}

/// A request and who waits for the reply. Once it is written its reply is read, whether anybody waits or not.
struct Call {
    exchange: Arc<Exchange>,
    caller: oneshot::Sender<Result<Vec<Answer>>>,
}

impl Shared {
    /// Whether the connection is one still, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    pub(super) async fn exchange(&self, exchange: Arc<Exchange>) -> Result<Reply> {
        let (caller, answers) = oneshot::channel();
        if self.requests.send(Call { exchange, caller }).await.is_err() {
            return Ok(Reply::Unsent);
        }
        match answers.await {
            Ok(answers) => answers.map(Reply::Answers),
            Err(_) => Err(Error::new(ErrorKind::Backend, "the connection was lost before the reply came")),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Starts the task of a connection, on the I/O thread.
pub(super) fn start(socket: impl AsyncRead + AsyncWrite + Send + 'static, longest: usize) -> Shared {
    let (requests, asked) = mpsc::channel(QUEUE);
    let (written, awaited) = mpsc::channel(QUEUE);
    let (open, closed) = oneshot::channel();
    let (input, output) = tokio::io::split(socket);
    tokio::spawn(async move {
        let io = either(write(asked, written, output), read(awaited, input, longest));
        // While somebody waits for a reply a clone is there.
        let gone = async {
            let _ = closed.await;
        };
        either(io, gone).await;
    });
    Shared { requests, _open: Arc::new(open) }
}

/// Ends when one of the two does, and drops the other.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() || other.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

async fn write(
    mut asked: mpsc::Receiver<Call>,
    written: mpsc::Sender<Call>,
    output: impl AsyncWrite + Unpin,
) {
    let mut output = BufWriter::new(output);
    loop {
        // What was asked meanwhile goes out together.
        let call = match asked.try_recv() {
            Ok(call) => call,
            Err(_) if output.flush().await.is_err() => return,
            Err(_) => match asked.recv().await {
                Some(call) => call,
                None => return,
            },
        };
        if call.caller.is_closed() {
            continue;
        }
        let exchange = Arc::clone(&call.exchange);
        // Whoever is to be answered is known before the answer can come.
        if written.send(call).await.is_err() || output.write_all(exchange.bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(mut awaited: mpsc::Receiver<Call>, input: impl AsyncRead + Unpin, longest: usize) {
    let mut input = BufReader::new(input);
    while let Some(call) = next(&mut awaited, &mut input).await {
        let answers = receive(&mut input, &call.exchange, longest).await;
        let is_lost = answers.is_err();
        // Whoever asked may be gone.
        let _ = call.caller.send(answers);
        if is_lost {
            return;
        }
    }
}

/// The next request that was written; `None` if the server closes the connection, or speaks without being asked.
async fn next(awaited: &mut mpsc::Receiver<Call>, input: &mut (impl AsyncBufRead + Unpin)) -> Option<Call> {
    poll_fn(|cx| {
        if let Poll::Ready(call) = awaited.poll_recv(cx) {
            return Poll::Ready(call);
        }
        match Pin::new(&mut *input).poll_fill_buf(cx) {
            // The receiver has something, but this task is to let others run first.
            Poll::Ready(Ok(bytes)) if !bytes.is_empty() && !awaited.is_empty() => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Reads until every command has its answer.
async fn receive(
    input: &mut BufReader<impl AsyncRead + Unpin>,
    exchange: &Exchange,
    longest: usize,
) -> Result<Vec<Answer>> {
    let mut replies = Replies::to(exchange);
    loop {
        replies = match replies.finish() {
            Ok(answers) => return Ok(answers),
            Err(unfinished) => unfinished,
        };
        let mut head = [0; HEADER];
        input.read_exact(&mut head).await?;
        let head = replies.head(&head)?;
        let mut rest = input.take(head.body as u64);
        let is_ours = head.body <= longest;
        let mut body = Vec::with_capacity(if is_ours { head.body.min(AT_ONCE) } else { 0 });
        let read = if is_ours {
            // Grows with what really comes.
            rest.read_to_end(&mut body).await? as u64
        } else {
            tokio::io::copy_buf(&mut rest, &mut tokio::io::sink()).await?
        };
        if read < head.body as u64 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        replies.body(head, is_ours.then_some(body));
    }
}
