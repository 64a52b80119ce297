//! Reading replies from a blocking connection.
//!
//! The client library's own parser keeps what it read too much to itself. Here it stays in the reader, where a reply
//! that nobody asked for is seen before the next request goes out.

use std::io::{self, BufRead, Read as _};

use redis::Value;

/// The longest line of a reply that is not a value: errors are the longest.
const LONGEST_LINE: u64 = 64 * 1024;
/// Room that is made for a value before its bytes are there: what a server says of its size may be wrong.
const FIRST_ROOM: u64 = 1024 * 1024;
/// Replies are lists of lists of values at most, three deep in `CLUSTER SLOTS`, with something to spare.
const DEEPEST: usize = 8;

/// Reads one reply of the second version of the protocol.
///
/// # Errors
///
/// What reading fails with; [`InvalidData`](io::ErrorKind::InvalidData) if this is no reply.
pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Value> {
    read_nested(reader, 0)
}

fn read_nested(reader: &mut impl BufRead, depth: usize) -> io::Result<Value> {
    let line = line(reader)?;
    let (kind, rest) = line.split_first().ok_or_else(garbage)?;
    match kind {
        b'+' if rest == b"OK" => Ok(Value::Okay),
        b'+' => Ok(Value::SimpleString(String::from_utf8_lossy(rest).into_owned())),
        b'-' => {
            let error = format!("{}\r\n", String::from_utf8_lossy(&line));
            redis::parse_redis_value(error.as_bytes()).map_err(|_| garbage())
        }
        b':' => Ok(Value::Int(integer(rest)?)),
        b'$' => match integer(rest)? {
            -1 => Ok(Value::Nil),
            length => Ok(Value::BulkString(bytes(reader, length)?)),
        },
        b'*' => match integer(rest)? {
            -1 => Ok(Value::Nil),
            length if length >= 0 && depth < DEEPEST => {
                let values = (0..length).map(|_| read_nested(reader, depth + 1));
                Ok(Value::Array(values.collect::<io::Result<_>>()?))
            }
            _ => Err(garbage()),
        },
        _ => Err(garbage()),
    }
}

/// A line without its end.
fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Some(text) = line.strip_suffix(b"\r\n") else { return Err(garbage()) };
    let length = text.len();
    line.truncate(length);
    Ok(line)
}

fn integer(text: &[u8]) -> io::Result<i64> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(garbage)
}

/// The bytes of a value and the end of the line after them.
fn bytes(reader: &mut impl BufRead, length: i64) -> io::Result<Vec<u8>> {
    let length = u64::try_from(length).map_err(|_| garbage())?;
    let room = length.min(FIRST_ROOM);
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    reader.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut end = [0; 2];
    reader.read_exact(&mut end)?;
    if end == *b"\r\n" { Ok(bytes) } else { Err(garbage()) }
}

fn garbage() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "expected a reply of the Redis protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(mut text: &[u8]) -> io::Result<Value> {
        let value = read(&mut text)?;
        assert!(text.is_empty(), "{} bytes are left over", text.len());
        Ok(value)
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        let bulk = |text: &str| Value::BulkString(text.into());
        for (text, value) in [
            ("+OK\r\n", Value::Okay),
            ("+PONG\r\n", Value::SimpleString("PONG".into())),
            (":-7\r\n", Value::Int(-7)),
            ("$-1\r\n", Value::Nil),
            ("*-1\r\n", Value::Nil),
            ("$0\r\n\r\n", bulk("")),
            ("$4\r\n\r\n:1\r\n", bulk("\r\n:1")),
            ("*0\r\n", Value::Array(vec![])),
            ("*2\r\n$1\r\na\r\n*1\r\n$-1\r\n", Value::Array(vec![bulk("a"), Value::Array(vec![Value::Nil])])),
        ] {
            assert_eq!(parse(text.as_bytes()).ok(), Some(value), "{text:?}");
        }
    }

    #[test]
    fn errors_of_the_server_are_replies() {
        let Ok(Value::ServerError(error)) = parse(b"-WRONGTYPE Operation against a key\r\n") else {
            panic!("an error was expected")
        };
        assert_eq!((error.code(), error.details()), ("WRONGTYPE", Some("Operation against a key")));
        assert!(matches!(parse(b"-ERR \xff\r\n"), Ok(Value::ServerError(_))));
    }

    #[test]
    fn what_is_no_reply_is_garbage() {
        for text in [
            "\r\n",
            "OK\r\n",
            ":1.5\r\n",
            ":\r\n",
            "$-2\r\n",
            "$x\r\n",
            "$1\r\nab\r\n",
            "*-2\r\n",
            "+OK\n",
            "%1\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ] {
            let kind = parse(text.as_bytes()).err().map(|error| error.kind());
            assert_eq!(kind, Some(io::ErrorKind::InvalidData), "{text:?}");
        }
    }

    #[test]
    fn what_ends_early_is_an_end_and_takes_no_room() {
        for text in
            ["", "$9223372036854775807\r\nabc", "$3\r\nabc", "*2\r\n:1\r\n", "*1000000000000\r\n:1\r\n"]
        {
            let kind = parse(text.as_bytes()).err().map(|error| error.kind());
            assert_eq!(kind, Some(io::ErrorKind::UnexpectedEof), "{text:?}");
        }
    }
}
