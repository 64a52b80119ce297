//! The uWSGI cache protocol: requests as bytes, bytes as replies. Nothing here reads or writes a socket.
//!
//! A request is a head of four bytes, a block of variables and, where something is stored, the value. The reply is a
//! head, variables (`status=ok`) and perhaps a value; what is missing and what was refused are both no reply at all.

use crate::{Error, ErrorKind, Result};

/// The first byte of every message: the plugin that answers.
const CACHE: u8 = 111;
/// The fourth: the only form of the cache's protocol that is not broken in uWSGI 2.0.
const FRAMED: u8 = 17;
const HEAD: usize = 4;
/// uWSGI's `keysize`, unless configured.
const LONGEST_KEY: usize = 2048;
/// uWSGI's `buffer-size`, unless configured: all variables together.
const LONGEST_VARIABLES: usize = 4096;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// The value under a key.
    Get,
    /// Store where nothing is.
    Set,
    /// Store, whatever is there.
    Update,
    /// Remove.
    Delete,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing: the key is not there, or the request was refused. There is no way to tell.
    Nothing,
    /// It is done.
    Done,
    /// The value.
    Value(Vec<u8>),
    /// A value that is longer than any of ours.
    TooLong,
}

/// A request, ready to be sent.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) if the key is empty or too long for uWSGI.
pub(super) fn request(
    command: Command,
    cache: &str,
    key: &str,
    value: &[u8],
    lifetime: Option<u64>,
) -> Result<Vec<u8>> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        let message = format!("a key for uWSGI has 1 to {LONGEST_KEY} bytes, not {}", key.len());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let name = match command {
        Command::Get => "get",
        Command::Set => "set",
        Command::Update => "update",
        Command::Delete => "del",
    };
    let mut message = vec![CACHE, 0, 0, FRAMED];
    variable(&mut message, "cmd", name);
    variable(&mut message, "key", key);
    if matches!(command, Command::Set | Command::Update) {
        variable(&mut message, "size", &value.len().to_string());
    }
    if let Some(seconds) = lifetime {
        variable(&mut message, "expires", &seconds.to_string());
    }
    if !cache.is_empty() {
        variable(&mut message, "cache", cache);
    }
    let length = message.len() - HEAD;
    let fits = u16::try_from(length).ok().filter(|_| length <= LONGEST_VARIABLES);
    let fits = fits.ok_or_else(|| {
        let message =
            format!("key and cache name are {length} bytes of request; uWSGI takes {LONGEST_VARIABLES}");
        Error::new(ErrorKind::Invalid, message)
    })?;
    message[1..3].copy_from_slice(&fits.to_le_bytes());
    message.extend_from_slice(value);
    Ok(message)
}

/// Appends a variable; whoever calls has seen to it that both parts are short.
fn variable(message: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, value] {
        // What is longer than this makes the whole block too long, which is refused.
        message.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes());
        message.extend_from_slice(part.as_bytes());
    }
}

/// Reads what has come of a reply so far; `None` when more is to come. The server closes the connection after its reply,
/// so that what is complete is known to be so only at the end.
///
/// A value of more than `limit` bytes is not waited for.
///
/// # Errors
///
/// When this is no reply to the command.
pub(super) fn reply(command: Command, received: &[u8], ended: bool, limit: usize) -> Result<Option<Reply>> {
    let more = || if ended { Err(garbled("it ends too early")) } else { Ok(None) };
    if received.is_empty() {
        return Ok(ended.then_some(Reply::Nothing));
    }
    let Some((head, rest)) = received.split_at_checked(HEAD) else { return more() };
    if (head[0], head[3]) != (CACHE, FRAMED) {
        return Err(garbled("it is none of uWSGI's cache"));
    }
    let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let Some((variables, body)) = rest.split_at_checked(length) else { return more() };
    let size = size_in(variables)?;
    match (command, size) {
        (Command::Get, Some(size)) if size > limit => return Ok(Some(Reply::TooLong)),
        (Command::Get, Some(size)) if body.len() < size => return more(),
        (Command::Get, Some(size)) if body.len() == size => {}
        (Command::Get, None) => return Err(garbled("a value was asked for, and none came")),
        (_, None) if body.is_empty() => {}
        _ => return Err(garbled("it goes on behind its end")),
    }
    if !ended {
        return Ok(None);
    }
    Ok(Some(if size.is_some() { Reply::Value(body.to_vec()) } else { Reply::Done }))
}

/// Reads the variables of a reply: `status=ok`, and the size of the value if there is one.
fn size_in(mut variables: &[u8]) -> Result<Option<usize>> {
    let (mut is_ok, mut size) = (false, None);
    while !variables.is_empty() {
        let name = text(&mut variables)?;
        let value = text(&mut variables)?;
        match name {
            b"status" if value == b"ok" && !is_ok => is_ok = true,
            b"size" if size.is_none() => size = Some(number(value)?),
            // When the entry expires, in a form that depends on the server's options: its frame says it, too.
            b"expires" => {}
            _ => return Err(garbled("it has a variable that is not known, or one twice")),
        }
    }
    if is_ok { Ok(size) } else { Err(garbled("it has no status")) }
}

/// Takes a text behind its length.
fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let parts = rest
        .split_first_chunk()
        .and_then(|(length, behind)| behind.split_at_checked(usize::from(u16::from_le_bytes(*length))));
    let (text, behind) = parts.ok_or_else(|| garbled("a variable is longer than what holds it"))?;
    *rest = behind;
    Ok(text)
}

fn number(digits: &[u8]) -> Result<usize> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| garbled("the size is no number"))
}

fn garbled(how: &str) -> Error {
    Error::new(ErrorKind::Backend, format!("expected a reply of uWSGI's cache, but {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request as it was recorded between uWSGI's own client and a server.
    #[track_caller]
    fn is(message: &[u8], hex: &str) {
        let digits = hex.replace([' ', '|', '\n'], "");
        let bytes = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Option<Vec<u8>> = bytes.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
        assert_eq!(Some(message), bytes.as_deref());
    }

    const OK: &[u8] = b"\x6f\x0c\x00\x11\x06\x00status\x02\x00ok";

    fn hit() -> Vec<u8> {
        let mut bytes = b"\x6f\x2a\x00\x11\x06\x00status\x02\x00ok\x04\x00size\x01\x005".to_vec();
        bytes.extend_from_slice(b"\x07\x00expires\x0a\x001795355117hello");
        bytes
    }

    #[test]
    fn requests_are_what_uwsgi_reads() {
        let get = request(Command::Get, "mycache", "k", b"", None).expect("short");
        is(&get, "6f220011 | 0300636d64 0300676574 | 03006b6579 01006b | 05006361636865 07006d796361636865");
        let update = request(Command::Update, "mycache", "k", b"hello", Some(30)).expect("short");
        is(
            &update,
            "6f3b0011 | 0300636d64 0600757064617465 | 03006b6579 01006b | 040073697a65 010035
             | 070065787069726573 02003330 | 05006361636865 07006d796361636865 | 68656c6c6f",
        );
        let first = request(Command::Delete, "", "k", b"", None).expect("short");
        is(&first, "6f120011 | 0300636d64 030064656c | 03006b6579 01006b");
    }

    #[test]
    fn what_uwsgi_would_refuse_is_not_sent() {
        let refused = |cache: &str, key: &str| {
            request(Command::Get, cache, key, b"", None).err().map(|error| error.kind())
        };
        assert_eq!(refused("c", ""), Some(ErrorKind::Invalid));
        assert_eq!(refused("c", &"k".repeat(LONGEST_KEY)), None);
        assert_eq!(refused("c", &"k".repeat(LONGEST_KEY + 1)), Some(ErrorKind::Invalid));
        assert_eq!(refused(&"c".repeat(70_000), "k"), Some(ErrorKind::Invalid));
    }

    #[test]
    fn replies_are_read() {
        let read = |command, bytes: &[u8]| reply(command, bytes, true, 100).ok().flatten();
        assert_eq!(read(Command::Get, b""), Some(Reply::Nothing));
        assert_eq!(read(Command::Get, &hit()), Some(Reply::Value(b"hello".to_vec())));
        assert_eq!(read(Command::Update, OK), Some(Reply::Done));
    }

    #[test]
    fn a_reply_comes_in_any_pieces() {
        for (command, whole) in [(Command::Get, &*hit()), (Command::Set, OK)] {
            for end in 0..=whole.len() {
                assert!(matches!(reply(command, &whole[..end], false, 100), Ok(None)), "{end}");
                let is_whole = end == whole.len() || end == 0;
                assert_eq!(reply(command, &whole[..end], true, 100).is_ok(), is_whole, "{end}");
            }
        }
    }

    #[test]
    fn a_value_that_is_too_large_is_not_waited_for() {
        assert!(matches!(reply(Command::Get, &hit()[..46], false, 4), Ok(Some(Reply::TooLong))));
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let longer = |whole: &[u8]| [whole, b"!"].concat();
        for (command, bytes) in [
            (Command::Get, OK.to_vec()),
            (Command::Get, longer(&hit())),
            (Command::Set, longer(OK)),
            (Command::Set, hit()),
            (Command::Set, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            (Command::Set, b"\x6f\x00\x00\x11".to_vec()),
            (Command::Set, b"\x6f\x0c\x00\x11\x06\x00status\x02\x00no".to_vec()),
            (Command::Set, b"\x6f\x0c\x00\x11\x06\x00status\xff\x00ok".to_vec()),
            (Command::Get, b"\x6f\x16\x00\x11\x06\x00status\x02\x00ok\x04\x00size\x02\x00+5hello".to_vec()),
        ] {
            let kind = reply(command, &bytes, true, 100).err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::Backend), "{command:?} {bytes:?}");
        }
    }

    /// Bytes that were flipped, cut or repeated are an error, or a reply that no byte was invented for.
    #[test]
    fn damaged_replies_do_no_harm() {
        use std::hash::{BuildHasher as _, RandomState};
        let random = RandomState::new();
        for n in 0..100_000_u64 {
            let dice = random.hash_one(n).to_le_bytes();
            let mut bytes = hit();
            let at = usize::from(dice[0]) % bytes.len();
            match dice[1] % 4 {
                0 => bytes[at] ^= dice[2] | 1,
                1 => bytes.truncate(at),
                2 => bytes.extend_from_within(at..),
                _ => drop(bytes.drain(at..(at + usize::from(dice[2] % 9)).min(51))),
            }
            let command = if dice[3] % 2 == 0 { Command::Get } else { Command::Set };
            if let Ok(Some(Reply::Value(value))) = reply(command, &bytes, true, 1000) {
                assert!(value.len() <= bytes.len() && bytes.ends_with(&value), "{bytes:?}");
            }
        }
    }
}
