//! What a server says on a connection of the third version of the protocol: replies, and what nobody asked for.

use std::io;

use redis::Value;

use crate::net::Input;
use crate::redis::resp::{DEEPEST, FIRST_ROOM, garbage, integer, line, parse};

/// Something that came.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// These keys were changed.
    Changed(Vec<Vec<u8>>),
    /// Every key may have been: the database was emptied.
    AllChanged,
    /// A reply.
    Reply(Value),
    /// Something that is of no concern.
    Other,
}

/// Takes the next message from what came; `None` if there is more to come.
///
/// # Errors
///
/// [`InvalidData`](io::ErrorKind::InvalidData) if this is none.
pub(super) fn read(input: &mut Input) -> io::Result<Option<Message>> {
    let is_push = input.bytes().first() == Some(&b'>');
    let Some((value, length)) = value(input.bytes(), 0)? else { return Ok(None) };
    input.take(length);
    Ok(Some(if is_push { message(value) } else { Message::Reply(value) }))
}

fn message(push: Value) -> Message {
    let Value::Array(parts) = push else { return Message::Other };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::BulkString(kind), keys]) if kind == b"invalidate" => match keys {
            Value::Array(keys) => {
                let key = |key| if let Value::BulkString(key) = key { Some(key) } else { None };
                Message::Changed(keys.into_iter().filter_map(key).collect())
            }
            _ => Message::AllChanged,
        },
        _ => Message::Other,
    }
}

/// The value that some bytes begin with, and its length; a map is the list of its keys and values in turn.
fn value(bytes: &[u8], depth: usize) -> io::Result<Option<(Value, usize)>> {
    let Some((line, mut length)) = line(bytes)? else { return Ok(None) };
    let Some((kind, rest)) = line.split_first() else { return Err(garbage()) };
    let each = match kind {
        b'*' | b'>' | b'~' => 1,
        b'%' => 2,
        b'_' => return Ok(Some((Value::Nil, length))),
        _ => return parse(bytes, depth),
    };
    let count = match integer(rest)? {
        -1 => return Ok(Some((Value::Nil, length))),
        count => usize::try_from(count).map_err(|_| garbage())?.checked_mul(each).ok_or_else(garbage)?,
    };
    if depth == DEEPEST {
        return Err(garbage());
    }
    let mut values = Vec::with_capacity(count.min(FIRST_ROOM));
    for _ in 0..count {
        let Some((value, more)) = value(&bytes[length..], depth + 1)? else { return Ok(None) };
        values.push(value);
        length += more;
    }
    Ok(Some((Value::Array(values), length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &[u8], at_once: usize) -> io::Result<Vec<Message>> {
        let (mut input, mut messages) = (Input::default(), Vec::new());
        for part in text.chunks(at_once) {
            input.room()[..part.len()].copy_from_slice(part);
            input.arrived(part.len());
            while let Some(message) = read(&mut input)? {
                messages.push(message);
            }
        }
        assert!(input.is_empty(), "{} bytes are left over", input.bytes().len());
        Ok(messages)
    }

    #[test]
    fn what_is_told_is_told_apart_from_what_was_asked() {
        let text = b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n+PONG\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n\
            >3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n%1\r\n$5\r\nproto\r\n:3\r\n-ERR no\r\n>1\r\n$1\r\na\r\n";
        for at_once in [1, 2, 7, 4000] {
            let messages = read_all(text, at_once).expect("messages");
            let [changed, pong, all, other, map, error, last] = &messages[..] else { panic!("{messages:?}") };
            assert_eq!(*changed, Message::Changed(vec![b"a".into(), Vec::new()]));
            assert_eq!(*pong, Message::Reply(Value::SimpleString("PONG".into())));
            assert_eq!((all, other, last), (&Message::AllChanged, &Message::Other, &Message::Other));
            let proto = Value::Array(vec![Value::BulkString(b"proto".into()), Value::Int(3)]);
            assert_eq!(*map, Message::Reply(proto));
            assert!(matches!(error, Message::Reply(Value::ServerError(_))));
        }
    }

    #[test]
    fn what_is_no_message_is_garbage() {
        let deep = b">1\r\n".repeat(100);
        for text in [&b">x\r\n"[..], b">-2\r\n", b"%99999999999999999999\r\n", b"?\r\n", &deep] {
            assert!(read_all(text, 4000).is_err(), "{text:?}");
        }
    }
}
