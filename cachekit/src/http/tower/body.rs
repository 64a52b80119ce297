//! The bodies of responses that went through the cache.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Either;

use super::super::fill::Storing;

/// The body of a response: the service's own, or one that the cache has to do with.
pub type Body<B> = Either<B, Kept<B>>;

/// A body from the cache, or one that is kept while it streams through.
pub struct Kept<B: HttpBody> {
    inner: Inner<B>,
}

enum Inner<B: HttpBody> {
    /// What is left to be told.
    Whole(Option<Bytes>, Option<HeaderMap>),
    /// What was read already, and the rest.
    Streaming(Option<Bytes>, Pin<Box<B>>, Keeping),
    /// An error.
    Broken(Option<B::Error>),
}

/// What becomes of what streamed through.
enum Keeping {
    /// Collected so far.
    Collecting(Box<Storing>, BytesMut),
    /// Being stored, before the end is told: who asks next finds it. Or being given up, before the next part.
    Working(Pin<Box<dyn Future<Output = ()> + Send>>, Next),
    /// Nothing more to do.
    Done,
}

/// What is told when the work is done.
enum Next {
    End,
    Frame(Option<Frame<Bytes>>),
}

impl<B: HttpBody> Kept<B> {
    /// A body that is there.
    pub(super) fn whole(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self { inner: Inner::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()), trailers) }
    }

    /// A body of which some was read, and which is stored when it has gone through.
    pub(super) fn streaming(read: BytesMut, rest: Pin<Box<B>>, storing: Box<Storing>) -> Self {
        let told = Some(Bytes::copy_from_slice(&read)).filter(|bytes| !bytes.is_empty());
        Self { inner: Inner::Streaming(told, rest, Keeping::Collecting(storing, read)) }
    }

    /// A body of which some was read, and which is not stored.
    pub(super) fn passing(read: BytesMut, rest: Pin<Box<B>>) -> Self {
        let told = Some(read.freeze()).filter(|bytes| !bytes.is_empty());
        Self { inner: Inner::Streaming(told, rest, Keeping::Done) }
    }

    /// A body that broke off.
    pub(super) fn broken(error: B::Error) -> Self {
        Self { inner: Inner::Broken(Some(error)) }
    }
}

/// How far a body could be read without waiting.
pub(super) enum Gathered<E> {
    /// To its end.
    All(Bytes, Option<HeaderMap>),
    /// The rest is to come.
    Some(BytesMut),
    /// It is longer than it may be.
    TooLong(BytesMut),
    /// It broke off.
    Broken(E),
}

/// Reads what is there of a body, and a little more than the limit at most.
pub(super) async fn gather<B: HttpBody<Data = Bytes>>(
    body: &mut Pin<Box<B>>,
    limit: usize,
) -> Gathered<B::Error> {
    if body.size_hint().lower() > limit as u64 {
        return Gathered::TooLong(BytesMut::new());
    }
    let mut read: Option<Bytes> = None;
    let mut more = BytesMut::new();
    let mut trailers = None;
    let whole = |read: &mut Option<Bytes>, more: &mut BytesMut| match read.take() {
        Some(first) if more.is_empty() => BytesMut::from(first),
        Some(first) => {
            let mut all = BytesMut::from(first);
            all.extend_from_slice(more);
            all
        }
        None => std::mem::take(more),
    };
    std::future::poll_fn(move |cx| {
        loop {
            let length = read.as_ref().map_or(0, Bytes::len) + more.len();
            if length > limit {
                return Poll::Ready(Gathered::TooLong(whole(&mut read, &mut more)));
            }
            match body.as_mut().poll_frame(cx) {
                Poll::Pending => return Poll::Ready(Gathered::Some(whole(&mut read, &mut more))),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Gathered::Broken(error)),
                Poll::Ready(None) => {
                    let bytes = match read.take() {
                        // One part, as most bodies have, is not copied.
                        Some(only) if more.is_empty() => only,
                        first => {
                            read = first;
                            whole(&mut read, &mut more).freeze()
                        }
                    };
                    return Poll::Ready(Gathered::All(bytes, trailers.take()));
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if read.is_none() => read = Some(data),
                    Ok(data) => more.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
            }
        }
    })
    .await
}

// Nothing in it is pinned in place: the service's body has a box of its own.
impl<B: HttpBody> Unpin for Kept<B> {}

impl<B: HttpBody<Data = Bytes>> HttpBody for Kept<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.get_mut().inner {
            Inner::Whole(bytes, trailers) => {
                let data = bytes.take().map(Frame::data);
                Poll::Ready(data.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Inner::Streaming(told, body, keeping) => match told.take() {
                Some(told) => Poll::Ready(Some(Ok(Frame::data(told)))),
                None => poll_streaming(body, keeping, cx),
            },
            Inner::Broken(error) => Poll::Ready(error.take().map(Err)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Whole(bytes, trailers) => bytes.is_none() && trailers.is_none(),
            Inner::Streaming(None, body, Keeping::Done) => body.is_end_stream(),
            Inner::Broken(error) => error.is_none(),
            // Whoever asked no further would leave the response unstored.
            Inner::Streaming(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Whole(bytes, _) => SizeHint::with_exact(length(bytes.as_ref())),
            Inner::Streaming(told, body, _) => {
                let (rest, told) = (body.size_hint(), length(told.as_ref()));
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower() + told);
                rest.upper().into_iter().for_each(|upper| hint.set_upper(upper + told));
                hint
            }
            Inner::Broken(_) => SizeHint::default(),
        }
    }
}

fn poll_streaming<B: HttpBody<Data = Bytes>>(
    body: &mut Pin<Box<B>>,
    keeping: &mut Keeping,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
    loop {
        if let Keeping::Working(work, next) = keeping {
            std::task::ready!(work.as_mut().poll(cx));
            let next = std::mem::replace(next, Next::End);
            *keeping = Keeping::Done;
            if let Next::Frame(frame) = next {
                return Poll::Ready(frame.map(Ok));
            }
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(body.as_mut().poll_frame(cx));
        let Keeping::Collecting(storing, collected) = keeping else { return Poll::Ready(frame) };
        let fits = match &frame {
            None => true,
            // What broke off is not stored, and neither is what has trailers.
            Some(Err(_)) => {
                *keeping = Keeping::Done;
                return Poll::Ready(frame);
            }
            Some(Ok(part)) => {
                part.data_ref().is_some_and(|data| collected.len() + data.len() <= storing.limit())
            }
        };
        match frame {
            Some(Ok(part)) if fits => {
                collected.extend_from_slice(part.data_ref().map_or(&[], |data| data));
                return Poll::Ready(Some(Ok(part)));
            }
            frame => {
                let Keeping::Collecting(storing, collected) = std::mem::replace(keeping, Keeping::Done)
                else {
                    continue;
                };
                let (work, next): (Pin<Box<dyn Future<Output = ()> + Send>>, _) = match frame {
                    None => {
                        let work = async move { drop(storing.finish(collected.freeze()).await) };
                        (Box::pin(work), Next::End)
                    }
                    Some(frame) => (Box::pin(storing.give_up()), Next::Frame(frame.ok())),
                };
                *keeping = Keeping::Working(work, next);
            }
        }
    }
}

fn length(bytes: Option<&Bytes>) -> u64 {
    bytes.map_or(0, |bytes| bytes.len() as u64)
}

impl<B: HttpBody> fmt::Debug for Kept<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.inner {
            Inner::Whole(..) => "Kept::Whole",
            Inner::Streaming(..) => "Kept::Streaming",
            Inner::Broken(_) => "Kept::Broken",
        })
    }
}
