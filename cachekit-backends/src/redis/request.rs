//! What is sent in one exchange, and whether what came back belongs to it.

use std::sync::atomic::{AtomicU64, Ordering};

use redis::{Pipeline, ServerError, Value};

use super::commands::{self, Command};
use super::reply::{Shape, unexpected};
use crate::Result;

/// Commands that are sent together.
///
/// Replies carry no name: a reply that a server leaves out, or sends twice, makes every later one somebody else's. So
/// where several requests share a connection, a [`Tag`] follows them that the server is to repeat. Blocking connections
/// of ours do without: they serve one request at a time, and see what is left over.
#[derive(Clone, Debug)]
pub(super) struct Request {
    packed: Vec<u8>,
    shapes: Vec<Shape>,
    tag: Option<Tag>,
    /// It goes on with what was begun on this very server: another one could not know.
    is_bound: bool,
}

impl Request {
    /// A request of commands that are sent together.
    pub(super) fn new(commands: &[Command]) -> Self {
        let shapes = commands.iter().map(|command| command.shape).collect();
        let packed: Vec<_> = commands.iter().map(|command| &*command.packed).collect();
        let packed = packed.concat();
        Self { packed, shapes, tag: None, is_bound: false }
    }

    /// A request of one command.
    pub(super) fn one(command: Command) -> Self {
        Self { packed: command.packed, shapes: vec![command.shape], tag: None, is_bound: false }
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

    /// With a tag of its own, for a connection that may be out of step.
    pub(super) fn tagged(mut self) -> Self {
        if self.tag.is_none() {
            self.tag = Some(Tag::push(&mut self.packed));
        }
        self
    }

    /// The commands, for connections that pack them themselves.
    pub(super) fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        for words in commands::words(&self.packed) {
            let mut command = redis::Cmd::new();
            command.arg(words);
            pipeline.add_command(command);
        }
        pipeline
    }

    /// The bytes to send.
    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// The number of replies, that to the tag included.
    pub(super) fn replies(&self) -> usize {
        self.shapes.len() + usize::from(self.tag.is_some())
    }

    /// The replies to the commands, if they are those to this request.
    pub(super) fn untagged(&self, mut replies: Vec<Value>) -> Result<Vec<Value>> {
        if let Some(tag) = &self.tag {
            let reply = replies.pop().ok_or_else(unexpected)?;
            tag.check(&reply, replies.iter())?;
        }
        Ok(replies)
    }

    /// Whether these can be the replies.
    pub(super) fn fits(&self, replies: &[Value]) -> bool {
        self.shapes.len() == replies.len()
            && self.shapes.iter().zip(replies).all(|(shape, reply)| shape.fits(reply))
    }
}

/// A number that the server is to repeat after the replies before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// Appends the command to repeat a number that was never used.
    pub(super) fn push(packed: &mut Vec<u8>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let tag = LAST.fetch_add(1, Ordering::Relaxed).to_string();
        commands::echo(packed, &tag);
        Self(tag)
    }

    /// Whether a reply is the one to it, after others.
    ///
    /// # Errors
    ///
    /// When it is another one, so that those before it may be anybody's.
    pub(super) fn check<'a>(&self, reply: &Value, mut others: impl Iterator<Item = &'a Value>) -> Result<()> {
        match reply {
            Value::BulkString(tag) if tag == self.0.as_bytes() => Ok(()),
            // Who may not use it has to trust the server; and who is refused everything mistakes nothing.
            Value::ServerError(refusal)
                if refusal.code() == "NOPERM"
                    || others.all(|reply| matches!(reply, Value::ServerError(_))) =>
            {
                Ok(())
            }
            // Who does not know the command repeats what it was given, too.
            Value::ServerError(refusal) if is_unknown(refusal, &self.0) => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

fn is_unknown(refusal: &ServerError, tag: &str) -> bool {
    let details = refusal.details().unwrap_or_default();
    details.starts_with("unknown command")
        && details.split(|c: char| !c.is_ascii_digit()).any(|number| number == tag)
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
    fn a_request_is_tagged_once() {
        let request = Request::one(commands::ping());
        assert_eq!(request.packed(), b"*1\r\n$4\r\nPING\r\n");
        let tagged = request.tagged();
        assert_eq!((tagged.replies(), tagged.clone().tagged().replies()), (2, 2));
        assert!(tagged.packed().starts_with(b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n"));
    }

    #[test]
    fn a_pipeline_is_what_is_packed() {
        let set = commands::set(0, "k", b"\r\n$1\r\n", None);
        let request = Request::new(&[set, commands::ping()]).tagged();
        assert_eq!(request.pipeline().get_packed_pipeline(), request.packed());
    }

    #[test]
    fn replies_without_the_tag_are_somebody_elses() {
        let request = Request::one(commands::contains(0, "k")).tagged();
        let next = Request::one(commands::contains(0, "k")).tagged();
        let tag = |request: &Request| bulk(&request.tag.as_ref().expect("a tag").0);
        let (own, other) = (tag(&request), tag(&next));
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
