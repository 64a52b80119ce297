//! Reading replies, as they come in.
//!
//! The client library's own parser keeps what it read too much to itself. Here it stays in the [`Input`], where a reply
//! that nobody asked for is seen before the next request goes out.

use std::io;

use redis::Value;

use crate::net::Input;

/// The longest line of a reply that is not a value: errors are the longest.
const LONGEST_LINE: usize = 64 * 1024;
/// Room that is made for the values of a list before they are there: what a server says of their number may be wrong.
pub(super) const FIRST_ROOM: usize = 64;
/// Replies are lists of lists of values at most, three deep in `CLUSTER SLOTS`, with something to spare.
pub(super) const DEEPEST: usize = 8;

/// Reads one reply of the second version of the protocol after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A list that is not complete: its values so far, and how many are to come.
    list: Option<(Vec<Value>, usize)>,
}

impl Reader {
    /// Takes the next reply from what came; `None` if there is more to come.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) if this is no reply.
    pub(super) fn read(&mut self, input: &mut Input) -> io::Result<Option<Value>> {
        if self.list.is_none() {
            let Some((line, length)) = line(input.bytes())? else { return Ok(None) };
            match list(line)? {
                Some(count) => {
                    input.take(length);
                    self.list = Some((Vec::with_capacity(count.min(FIRST_ROOM)), count));
                }
                None => return take(input, 0),
            }
        }
        // What is there of a long list is not looked at again when more of it comes.
        if let Some((values, left)) = &mut self.list {
            while *left > 0 {
                let Some(value) = take(input, 1)? else { return Ok(None) };
                values.push(value);
                *left -= 1;
            }
        }
        Ok(self.list.take().map(|(values, _)| Value::Array(values)))
    }
}

fn take(input: &mut Input, depth: usize) -> io::Result<Option<Value>> {
    let Some((value, length)) = parse(input.bytes(), depth)? else { return Ok(None) };
    input.take(length);
    Ok(Some(value))
}

/// The reply that some bytes begin with, and its length; `None` if it is not complete.
pub(super) fn parse(bytes: &[u8], depth: usize) -> io::Result<Option<(Value, usize)>> {
    let Some((line, length)) = line(bytes)? else { return Ok(None) };
    let Some((kind, rest)) = line.split_first() else { return Err(garbage()) };
    let value = match kind {
        b'+' if rest == b"OK" => Value::Okay,
        b'+' => Value::SimpleString(String::from_utf8_lossy(rest).into_owned()),
        b'-' => {
            let error = format!("{}\r\n", String::from_utf8_lossy(line));
            redis::parse_redis_value(error.as_bytes()).map_err(|_| garbage())?
        }
        b':' => Value::Int(integer(rest)?),
        b'$' => match integer(rest)? {
            -1 => Value::Nil,
            size => {
                let size = usize::try_from(size).map_err(|_| garbage())?;
                let Some((value, end)) = bytes[length..].split_at_checked(size) else { return Ok(None) };
                let Some(end) = end.first_chunk::<2>() else { return Ok(None) };
                if end != b"\r\n" {
                    return Err(garbage());
                }
                return Ok(Some((Value::BulkString(value.to_vec()), length + size + 2)));
            }
        },
        b'*' => match list(line)? {
            Some(count) if depth < DEEPEST => {
                let (mut values, mut length) = (Vec::with_capacity(count.min(FIRST_ROOM)), length);
                for _ in 0..count {
                    let Some((value, more)) = parse(&bytes[length..], depth + 1)? else { return Ok(None) };
                    values.push(value);
                    length += more;
                }
                return Ok(Some((Value::Array(values), length)));
            }
            Some(_) => return Err(garbage()),
            None => Value::Nil,
        },
        _ => return Err(garbage()),
    };
    Ok(Some((value, length)))
}

/// How many values a list has that begins with this line; `None` if it is no list, or none at all.
fn list(line: &[u8]) -> io::Result<Option<usize>> {
    match line.strip_prefix(b"*").map(integer).transpose()? {
        None | Some(-1) => Ok(None),
        Some(count) => usize::try_from(count).map(Some).map_err(|_| garbage()),
    }
}

/// The line that some bytes begin with, without its end, and its length with it; `None` if it is not complete.
pub(super) fn line(bytes: &[u8]) -> io::Result<Option<(&[u8], usize)>> {
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE { Ok(None) } else { Err(garbage()) };
    };
    match bytes[..end].strip_suffix(b"\r") {
        Some(line) if !line.is_empty() => Ok(Some((line, end + 1))),
        _ => Err(garbage()),
    }
}

/// Eighteen digits cannot overflow.
const DIGITS: usize = 18;

pub(super) fn integer(text: &[u8]) -> io::Result<i64> {
    if (1..=DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) {
        return Ok(text.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')));
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(garbage)
}

pub(super) fn garbage() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "expected a reply of the Redis protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reply in a text of which so many bytes come at a time; none if it is not complete.
    fn read(text: &[u8], at_once: usize) -> io::Result<Option<Value>> {
        let (mut input, mut reader) = (Input::default(), Reader::default());
        let mut read = reader.read(&mut input)?;
        for part in text.chunks(at_once) {
            assert_eq!(read, None, "{} bytes are left over", part.len());
            input.room()[..part.len()].copy_from_slice(part);
            input.arrived(part.len());
            read = reader.read(&mut input)?;
        }
        assert!(read.is_none() || input.is_empty(), "{} bytes are left over", input.bytes().len());
        Ok(read)
    }

    fn parse(text: &[u8]) -> io::Result<Option<Value>> {
        let whole = read(text, 4000);
        if let Ok(whole) = &whole {
            assert_eq!(read(text, 1).ok().as_ref(), Some(whole), "byte by byte");
        } else {
            assert!(read(text, 1).is_err(), "byte by byte");
        }
        whole
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
            assert_eq!(parse(text.as_bytes()).ok().flatten(), Some(value), "{text:?}");
        }
    }

    #[test]
    fn errors_of_the_server_are_replies() {
        let Ok(Some(Value::ServerError(error))) = parse(b"-WRONGTYPE Operation against a key\r\n") else {
            panic!("an error was expected")
        };
        assert_eq!((error.code(), error.details()), ("WRONGTYPE", Some("Operation against a key")));
        assert!(matches!(parse(b"-ERR \xff\r\n"), Ok(Some(Value::ServerError(_)))));
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
    fn what_ends_early_is_waited_for_and_takes_no_room() {
        for text in
            ["", "$9223372036854775807\r\nabc", "$3\r\nabc", "*2\r\n:1\r\n", "*1000000000000\r\n:1\r\n"]
        {
            assert_eq!(parse(text.as_bytes()).ok(), Some(None), "{text:?}");
        }
        assert!(read("+".repeat(70_000).as_bytes(), 4000).is_err(), "a line without an end");
    }
}
