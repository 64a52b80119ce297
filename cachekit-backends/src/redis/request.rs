//! What is sent in one exchange, and whether what came back belongs to it.

use std::sync::atomic::{AtomicU64, Ordering};

use redis::{Pipeline, ServerError, Value};

use super::commands::{self, Command};
use super::reply::{Shape, unexpected};
use crate::Result;
use crate::net::Flavour;

/// Commands that are sent together.
///
/// Replies carry no name: a reply that a server leaves out, or sends twice, makes every later one somebody else's. So
/// where several requests share a connection, each ends with a tag that the server is to repeat. Blocking connections of
/// ours do without: they serve one request at a time, and see what is left over.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pipeline: Pipeline,
    shapes: Vec<Shape>,
    tag: u64,
    is_tagged: bool,
    /// It goes on with what was begun on this very server: another one could not know.
    is_bound: bool,
}

impl Request {
    /// A request that has its connection to itself.
    pub(super) fn new(commands: Vec<Command>) -> Self {
        let mut pipeline = Pipeline::with_capacity(commands.len() + 1);
        let shapes = commands.iter().map(|command| command.shape).collect();
        for command in commands {
            pipeline.add_command(command.cmd);
        }
        Self { pipeline, shapes, tag: 0, is_tagged: false, is_bound: false }
    }

    /// A request for callers of a flavour.
    pub(super) fn of(commands: Vec<Command>, flavour: Flavour) -> Self {
        let request = Self::new(commands);
        if flavour == Flavour::Async { request.tagged() } else { request }
    }

    /// Says that no other server can carry it out, should this one be replaced.
    pub(super) fn bound(mut self, is_bound: bool) -> Self {
        self.is_bound = is_bound;
        self
    }

    /// Whether no other server can carry it out.
    pub(super) fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// With a tag, for a connection that may be out of step.
    pub(super) fn tagged(mut self) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        if !self.is_tagged {
            self.is_tagged = true;
            self.tag = LAST.fetch_add(1, Ordering::Relaxed);
            self.pipeline.add_command(commands::echo(self.tag));
        }
        self
    }

    /// The commands, for connections that pack them themselves.
    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The bytes to send.
    pub(super) fn packed(&self) -> Vec<u8> {
        self.pipeline.get_packed_pipeline()
    }

    /// The number of replies, that to the tag included.
    pub(super) fn replies(&self) -> usize {
        self.shapes.len() + usize::from(self.is_tagged)
    }

    /// The replies to the commands, if they are those to this request.
    pub(super) fn untagged(&self, mut replies: Vec<Value>) -> Result<Vec<Value>> {
        if self.is_tagged {
            match replies.pop() {
                Some(Value::BulkString(tag)) if tag == self.tag.to_string().as_bytes() => {}
                // Who may not use it has to trust the server; and who is refused everything mistakes nothing.
                Some(Value::ServerError(refusal)) if refusal.code() == "NOPERM" || all_refused(&replies) => {}
                // Who does not know the command repeats what it was given, too.
                Some(Value::ServerError(refusal)) if is_unknown(&refusal, self.tag) => {}
                _ => return Err(unexpected()),
            }
        }
        Ok(replies)
    }

    /// Whether these can be the replies.
    pub(super) fn fits(&self, replies: &[Value]) -> bool {
        self.shapes.len() == replies.len()
            && self.shapes.iter().zip(replies).all(|(shape, reply)| shape.fits(reply))
    }
}

fn is_unknown(refusal: &ServerError, tag: u64) -> bool {
    let details = refusal.details().unwrap_or_default();
    details.starts_with("unknown command")
        && details.split(|c: char| !c.is_ascii_digit()).any(|number| number == tag.to_string())
}

fn all_refused(replies: &[Value]) -> bool {
    replies.iter().all(|reply| matches!(reply, Value::ServerError(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn refusal(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).expect("a reply")
    }

    #[test]
    fn only_async_requests_are_tagged_and_only_once() {
        let commands = || vec![commands::ping()];
        assert_eq!(Request::of(commands(), Flavour::Blocking).packed(), b"*1\r\n$4\r\nPING\r\n");
        let tagged = Request::of(commands(), Flavour::Async);
        assert_eq!((tagged.replies(), tagged.clone().tagged().replies()), (2, 2));
        assert!(tagged.packed().starts_with(b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n"));
    }

    #[test]
    fn replies_without_the_tag_are_somebody_elses() {
        let request = Request::of(vec![commands::contains(0, "k")], Flavour::Async);
        let next = Request::of(vec![commands::contains(0, "k")], Flavour::Async);
        let (own, other) = (bulk(&request.tag.to_string()), bulk(&next.tag.to_string()));
        assert_eq!(request.untagged(vec![Value::Int(1), own.clone()]).ok(), Some(vec![Value::Int(1)]));
        for replies in [
            vec![Value::Int(1), other],
            vec![own, Value::Int(1)],
            vec![Value::Int(1), Value::Nil],
            vec![Value::Int(1), refusal("-ERR unknown command\r\n")],
            vec![],
        ] {
            assert!(request.untagged(replies.clone()).is_err(), "{replies:?}");
        }
        for replies in [
            vec![
                Value::Int(1),
                refusal("-NOPERM this user has no permissions to run the 'echo' command\r\n"),
            ],
            vec![refusal("-LOADING wait\r\n"), refusal("-LOADING wait\r\n")],
        ] {
            assert_eq!(
                request.untagged(replies.clone()).map(|replies| replies.len()).ok(),
                Some(1),
                "{replies:?}"
            );
        }
    }
}
