//! What may come back for a command, and what it means when the server refuses it.

use redis::{ServerError, ServerErrorKind, Value};

use crate::{Error, ErrorKind, Result};

/// What the reply to a command looks like. An error of the server fits them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `+OK` or another word.
    Status,
    /// `+OK`, or nothing where a condition was not met.
    Stored,
    /// An integer.
    Integer,
    /// So many values, each of which may be missing.
    Values(usize),
    /// A cursor and keys.
    Page,
    /// A list that begins with a word.
    Role,
    /// A host and a port, or nothing.
    #[cfg(feature = "redis-sentinel")]
    Master,
    /// A list.
    List,
}

impl Shape {
    /// Whether a reply can be one to the command. One that cannot says that the connection is out of step.
    pub(super) fn fits(self, reply: &Value) -> bool {
        let is_text = |value: &Value| matches!(value, Value::BulkString(_));
        let may_miss = |value: &Value| matches!(value, Value::BulkString(_) | Value::Nil);
        match (self, reply) {
            (_, Value::ServerError(_))
            | (Self::Status, Value::Okay | Value::SimpleString(_))
            | (Self::Stored, Value::Okay | Value::Nil)
            | (Self::Integer, Value::Int(_)) => true,
            (Self::Values(count), Value::Array(values)) => {
                values.len() == count && values.iter().all(may_miss)
            }
            (Self::Page, Value::Array(parts)) => match &parts[..] {
                [Value::BulkString(_), Value::Array(keys)] => keys.iter().all(is_text),
                _ => false,
            },
            (Self::Role, Value::Array(parts)) => parts.first().is_some_and(is_text),
            #[cfg(feature = "redis-sentinel")]
            (Self::Master, Value::Nil) => true,
            #[cfg(feature = "redis-sentinel")]
            (Self::Master, Value::Array(parts)) => parts.len() == 2 && parts.iter().all(is_text),
            (Self::List, Value::Array(_)) => true,
            _ => false,
        }
    }
}

/// A reply that is of the shape its command has; an error where the server refused the command.
pub(super) fn granted(reply: Value) -> Result<Value> {
    match reply {
        Value::ServerError(refusal) => Err(refused(&refusal)),
        reply => Ok(reply),
    }
}

/// Whether the command was carried out, where its reply says so by an integer.
pub(super) fn did(reply: Value) -> Result<bool> {
    Ok(integer(reply)? > 0)
}

/// Whether a value was stored.
pub(super) fn stored(reply: Value) -> Result<bool> {
    Ok(granted(reply)? == Value::Okay)
}

pub(super) fn integer(reply: Value) -> Result<i64> {
    match granted(reply)? {
        Value::Int(integer) => Ok(integer),
        _ => Err(unexpected()),
    }
}

/// The values that were asked for.
pub(super) fn values(reply: Value) -> Result<Vec<Option<Vec<u8>>>> {
    let Value::Array(values) = granted(reply)? else { return Err(unexpected()) };
    let value = |value| match value {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        _ => Err(unexpected()),
    };
    values.into_iter().map(value).collect()
}

/// One step of a scan: where to go on, and the keys.
pub(super) fn page(reply: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let Value::Array(parts) = granted(reply)? else { return Err(unexpected()) };
    let mut parts = parts.into_iter();
    let (Some(Value::BulkString(cursor)), Some(Value::Array(keys))) = (parts.next(), parts.next()) else {
        return Err(unexpected());
    };
    let key = |key| match key {
        Value::BulkString(key) => Ok(key),
        _ => Err(unexpected()),
    };
    Ok((cursor, keys.into_iter().map(key).collect::<Result<_>>()?))
}

/// What is said of a reply that fits no request.
pub(super) fn unexpected() -> Error {
    Error::new(ErrorKind::Backend, "the server's reply does not fit the request")
}

/// The server did not do what it was asked.
pub(super) fn refused(refusal: &ServerError) -> Error {
    let (code, details) = (refusal.code(), refusal.details().unwrap_or_default());
    let (kind, message) = match refusal.kind() {
        Some(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            let message = "the server is a node of a cluster; configure a cluster, not a single server";
            (ErrorKind::Config, message)
        }
        _ if code == "NOAUTH" => (ErrorKind::Backend, "the server wants a password"),
        _ if code == "OOM" => (ErrorKind::NoSpace, "the server is out of memory"),
        _ if is_of_other_type(refusal) => (ErrorKind::Type, "the value under the key has another type"),
        _ => (ErrorKind::Backend, "the server refused the request"),
    };
    // What a server does not know it repeats, and that may be a value.
    let details = details.split(", with args beginning with").next().unwrap_or_default();
    Error::new(kind, message).with_context("reply", format!("{code} {details}").trim_end())
}

/// Whether the value under a key is not of the type that the command is for. Scripts repeat what went wrong in them.
pub(super) fn is_of_other_type(refusal: &ServerError) -> bool {
    let details = refusal.details().unwrap_or_default();
    let words = ["WRONGTYPE", "not an integer or out of range", "increment or decrement would overflow"];
    refusal.code() == "WRONGTYPE" || words.iter().any(|words| details.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).expect("a reply")
    }

    #[test]
    fn replies_of_another_shape_do_not_fit() {
        let samples =
            ["+OK\r\n", ":1\r\n", "$1\r\na\r\n", "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\n0\r\n*0\r\n", "$-1\r\n"]
                .map(value);
        for (shape, fitting) in [
            (Shape::Status, vec![0]),
            (Shape::Stored, vec![0, 5]),
            (Shape::Integer, vec![1]),
            (Shape::Values(1), vec![3]),
            (Shape::Values(2), vec![]),
            (Shape::Page, vec![4]),
            (Shape::Role, vec![3, 4]),
        ] {
            let found: Vec<usize> = (0..samples.len()).filter(|n| shape.fits(&samples[*n])).collect();
            assert_eq!(found, fitting, "{shape:?}");
        }
        assert!(Shape::Integer.fits(&value("-ERR no\r\n")));
    }

    #[test]
    fn the_kind_of_a_refusal_says_what_to_do() {
        for (reply, kind) in [
            ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", ErrorKind::NoSpace),
            ("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", ErrorKind::Type),
            (
                "-ERR value is not an integer or out of range script: 5, on @user_script:1.\r\n",
                ErrorKind::Type,
            ),
            ("-ERR increment or decrement would overflow\r\n", ErrorKind::Type),
            ("-ERR Error running script: @user_script:1: WRONGTYPE Operation\r\n", ErrorKind::Type),
            ("-MOVED 1 127.0.0.1:7000\r\n", ErrorKind::Config),
            ("-NOPERM this user has no permissions\r\n", ErrorKind::Backend),
        ] {
            assert_eq!(granted(value(reply)).err().map(|error| error.kind()), Some(kind), "{reply:?}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_what_was_sent() {
        let reply = "-ERR unknown command `EVAL`, with args beginning with: `s3cret`, \r\n";
        let error = granted(value(reply)).expect_err("a refusal");
        assert!(!format!("{error:#} {error:?}").contains("s3cret"), "{error}");
    }
}
