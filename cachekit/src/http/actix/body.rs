//! The bodies of responses that stream through the cache.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::{Bytes, BytesMut};

use super::super::fill::Storing;

type Failure = Box<dyn std::error::Error>;

/// How far a body could be read without waiting.
pub(super) enum Gathered {
    /// To its end.
    All(Bytes),
    /// The rest is to come.
    Some(BytesMut),
    /// It is longer than it may be.
    TooLong(BytesMut),
    /// It broke off.
    Broken(Failure),
}

/// Reads what is there of a body, and a little more than the limit at most.
pub(super) async fn gather(body: &mut BoxBody, limit: usize) -> Gathered {
    if let BodySize::Sized(size) = body.size()
        && size > limit as u64
    {
        return Gathered::TooLong(BytesMut::new());
    }
    let mut read = BytesMut::new();
    poll_fn(move |cx| {
        loop {
            if read.len() > limit {
                return Poll::Ready(Gathered::TooLong(std::mem::take(&mut read)));
            }
            match Pin::new(&mut *body).poll_next(cx) {
                Poll::Pending => return Poll::Ready(Gathered::Some(std::mem::take(&mut read))),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Gathered::Broken(error)),
                Poll::Ready(None) => return Poll::Ready(Gathered::All(std::mem::take(&mut read).freeze())),
                Poll::Ready(Some(Ok(data))) => read.extend_from_slice(&data),
            }
        }
    })
    .await
}

/// A body of which some was read.
pub(super) struct Kept {
    told: Option<Bytes>,
    rest: BoxBody,
    size: BodySize,
    keeping: Keeping,
}

/// What becomes of what streams through.
enum Keeping {
    /// Collected so far.
    Collecting(Box<Storing>, BytesMut),
    /// Being stored, before the end is told: who asks next finds it. Or being given up, before the next part.
    Working(Pin<Box<dyn Future<Output = ()>>>, Option<Bytes>),
    /// Nothing more to do.
    Done,
    /// It broke off.
    Broken(Option<Failure>),
}

impl Kept {
    /// A body that is stored when it has gone through, or, without the right to, is not.
    pub(super) fn new(read: BytesMut, rest: BoxBody, size: BodySize, storing: Option<Box<Storing>>) -> Self {
        let told = Some(Bytes::copy_from_slice(&read)).filter(|bytes| !bytes.is_empty());
        let keeping = storing.map_or(Keeping::Done, |storing| Keeping::Collecting(storing, read));
        Self { told, rest, size, keeping }
    }

    /// A body that broke off.
    pub(super) fn broken(rest: BoxBody, size: BodySize, error: Failure) -> Self {
        Self { told: None, rest, size, keeping: Keeping::Broken(Some(error)) }
    }
}

impl MessageBody for Kept {
    type Error = Failure;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        let own = self.get_mut();
        if let Some(told) = own.told.take() {
            return Poll::Ready(Some(Ok(told)));
        }
        loop {
            match &mut own.keeping {
                Keeping::Broken(error) => return Poll::Ready(error.take().map(Err)),
                Keeping::Working(work, next) => {
                    ready!(work.as_mut().poll(cx));
                    let next = next.take();
                    own.keeping = Keeping::Done;
                    return Poll::Ready(next.map(Ok));
                }
                Keeping::Done => {
                    return Pin::new(&mut own.rest).poll_next(cx);
                }
                Keeping::Collecting(storing, read) => match ready!(Pin::new(&mut own.rest).poll_next(cx)) {
                    Some(Ok(data)) if read.len() + data.len() <= storing.limit() => {
                        read.extend_from_slice(&data);
                        return Poll::Ready(Some(Ok(data)));
                    }
                    Some(Err(error)) => {
                        own.keeping = Keeping::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                    more => {
                        let Keeping::Collecting(storing, read) =
                            std::mem::replace(&mut own.keeping, Keeping::Done)
                        else {
                            continue;
                        };
                        own.keeping = if let Some(Ok(data)) = more {
                            Keeping::Working(Box::pin(storing.give_up()), Some(data))
                        } else {
                            let work = async move { drop(storing.finish(read.freeze()).await) };
                            Keeping::Working(Box::pin(work), None)
                        };
                    }
                },
            }
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}
