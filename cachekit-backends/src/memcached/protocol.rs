//! The binary protocol of memcached: requests as bytes, and replies matched to them. Moves nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Error, ErrorKind, Result};

/// The length of what every request and reply begins with.
pub(super) const HEADER: usize = 24;
/// So much room is made for a body on its head's word; more only as it comes.
pub(super) const AT_ONCE: usize = 1 << 16;
/// The longest value a server can be told to keep.
const LONGEST: usize = 1 << 30;

/// A number that replies repeat. Unique in this process for as long as any request can be on its way.
static OPAQUE: AtomicU32 = AtomicU32::new(1);

/// Commands that go out together, and what has to come back for them.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    bytes: Vec<u8>,
    commands: Vec<Command>,
    is_conditional: bool,
}

#[derive(Clone, Copy, Debug)]
struct Command {
    opcode: Opcode,
    opaque: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Opcode {
    Get = 0x00,
    Set = 0x01,
    Add = 0x02,
    Delete = 0x04,
    Flush = 0x08,
    /// A get that says nothing where nothing is.
    GetQuiet = 0x09,
    Touch = 0x1c,
    #[cfg(feature = "memcached-sasl")]
    Authenticate = 0x21,
}

/// What is to be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    /// Stored one after the other.
    pub(super) header: &'a [u8],
    pub(super) payload: &'a [u8],
    /// As the server takes it: 0 never, up to 30 days from now, otherwise since 1970.
    pub(super) expires: u32,
}

/// Where the answer to a command is in the reply.
pub(super) type Place = usize;

impl Exchange {
    /// How many commands there are so far.
    pub(super) fn commands(&self) -> usize {
        self.commands.len()
    }

    /// Whether some of it depends on what is there, so that doing it twice is not doing it once.
    pub(super) fn is_conditional(&self) -> bool {
        self.is_conditional
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a value; must not be the last command.
    pub(super) fn get_quietly(&mut self, name: &str) -> Place {
        self.push(Opcode::GetQuiet, 0, &[], name, [&[], &[]])
    }

    /// Reads a value.
    pub(super) fn get(&mut self, name: &str) -> Place {
        self.push(Opcode::Get, 0, &[], name, [&[], &[]])
    }

    /// Stores, if the entry there has this number; 0 stands for whatever is there or is not.
    pub(super) fn set(&mut self, item: Item<'_>, cas: u64) -> Place {
        self.store(Opcode::Set, item, cas)
    }

    /// Stores where nothing is.
    pub(super) fn add(&mut self, item: Item<'_>) -> Place {
        self.store(Opcode::Add, item, 0)
    }

    fn store(&mut self, opcode: Opcode, item: Item<'_>, cas: u64) -> Place {
        // No flags.
        let extras = u64::from(item.expires).to_be_bytes();
        self.push(opcode, cas, &extras, item.name, [item.header, item.payload])
    }

    /// Removes an entry, if it has this number; 0 stands for any.
    pub(super) fn delete(&mut self, name: &str, cas: u64) -> Place {
        self.push(Opcode::Delete, cas, &[], name, [&[], &[]])
    }

    /// Sets when an entry expires, as in [`Item::expires`].
    pub(super) fn touch(&mut self, name: &str, expires: u32) -> Place {
        self.push(Opcode::Touch, 0, &expires.to_be_bytes(), name, [&[], &[]])
    }

    /// Removes everything on the server.
    pub(super) fn flush(&mut self) -> Place {
        self.push(Opcode::Flush, 0, &[], "", [&[], &[]])
    }

    /// Logs in.
    #[cfg(feature = "memcached-sasl")]
    pub(super) fn authenticate(&mut self, username: &str, password: &str) -> Place {
        let plain = ["\0", username, "\0", password].concat();
        self.push(Opcode::Authenticate, 0, &[], "PLAIN", [plain.as_bytes(), &[]])
    }

    /// Everything is length-prefixed: whatever a key or a value contains, it is no command. The caller sees to it that
    /// names are at most 250 bytes long and values at most [`LONGEST`].
    fn push(&mut self, opcode: Opcode, cas: u64, extras: &[u8], name: &str, value: [&[u8]; 2]) -> Place {
        let place = self.commands.len();
        let opaque = OPAQUE.fetch_add(1, Ordering::Relaxed);
        let body = extras.len() + name.len() + value[0].len() + value[1].len();
        debug_assert!(name.len() <= 250 && body < 2 * LONGEST, "checked by the caller");
        self.commands.push(Command { opcode, opaque });
        self.is_conditional |= opcode == Opcode::Add || cas != 0;
        self.bytes.reserve(HEADER + body);
        self.bytes.extend([0x80, opcode as u8]);
        self.bytes.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.bytes.extend([u8::try_from(extras.len()).unwrap_or(u8::MAX), 0, 0, 0]);
        self.bytes.extend(u32::try_from(body).unwrap_or(u32::MAX).to_be_bytes());
        self.bytes.extend(opaque.to_be_bytes());
        self.bytes.extend(cas.to_be_bytes());
        for part in [extras, name.as_bytes(), value[0], value[1]] {
            self.bytes.extend_from_slice(part);
        }
        place
    }
}

/// How a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Done,
    /// Nothing is there.
    Absent,
    /// Something is there, or something else than what was meant.
    Present,
    /// Larger than the server keeps.
    TooLarge,
    /// The server has no memory for it.
    Full,
    /// The server wants to know first who asks.
    Unauthenticated,
    /// Refused for another reason.
    Refused(u16),
}

/// What came back for one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: Status,
    /// The number of the entry that was read or stored.
    pub(super) cas: u64,
    /// What was read.
    pub(super) value: Vec<u8>,
}

impl Answer {
    const SILENCE: Self = Self { status: Status::Absent, cas: 0, value: Vec::new() };
}

/// The head of one reply: which command it answers, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    status: u16,
    cas: u64,
    extras: usize,
    /// How many bytes follow.
    pub(super) body: usize,
}

/// Replies as they come in.
#[derive(Debug)]
pub(super) struct Replies<'a> {
    exchange: &'a Exchange,
    answers: Vec<Answer>,
}

impl<'a> Replies<'a> {
    pub(super) fn to(exchange: &'a Exchange) -> Self {
        Self { exchange, answers: Vec::with_capacity(exchange.commands.len()) }
    }

    /// The answers, once there is one to each command.
    pub(super) fn finish(self) -> Result<Vec<Answer>, Self> {
        if self.answers.len() == self.exchange.commands.len() { Ok(self.answers) } else { Err(self) }
    }

    /// Reads the head of the next reply, which may skip commands that say nothing on a miss.
    ///
    /// # Errors
    ///
    /// When it is no reply to what was asked; nothing that comes after it on the connection means anything then.
    pub(super) fn head(&mut self, head: &[u8; HEADER]) -> Result<Head> {
        let at = |range: std::ops::Range<usize>| &head[range];
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        if head[0] != 0x81 || head[5] != 0 {
            return Err(garbled("a reply of the binary protocol"));
        }
        let (opcode, opaque) = (head[1], number(at(12..16)));
        let rest = self.exchange.commands.get(self.answers.len()..).unwrap_or_default();
        let skipped = rest.iter().position(|command| u64::from(command.opaque) == opaque);
        let skipped = skipped.ok_or_else(|| garbled("a reply to what was asked"))?;
        let is_silence = |command: &Command| command.opcode == Opcode::GetQuiet;
        if !rest[..skipped].iter().all(is_silence) || rest[skipped].opcode as u8 != opcode {
            return Err(garbled("a reply to every command, in their order"));
        }
        let (key, extras) = (number(at(2..4)), u64::from(head[4]));
        // Fits: 32 bits.
        let body = usize::try_from(number(at(8..12))).unwrap_or(usize::MAX);
        let is_read = matches!(rest[skipped].opcode, Opcode::Get | Opcode::GetQuiet);
        let status = u16::from_be_bytes([head[6], head[7]]);
        // The flags.
        let has_extras = status == 0 && (is_read || rest[skipped].opcode == Opcode::Touch);
        let fits = key == 0 && extras == if has_extras { 4 } else { 0 };
        let most = if is_read { LONGEST } else { 4096 };
        if !fits || body < usize::from(head[4]) || body > most {
            return Err(garbled("a reply whose parts are as long as they must be"));
        }
        self.answers.resize(self.answers.len() + skipped, Answer::SILENCE);
        Ok(Head { status, cas: number(at(16..24)), extras: usize::from(head[4]), body })
    }

    /// Takes what followed a head; `None` stands for a value that is longer than anything of ours, which is as good as
    /// absent.
    pub(super) fn body(&mut self, head: Head, body: Option<Vec<u8>>) {
        let status = match head.status {
            0 if body.is_none() => Status::Absent,
            0 => Status::Done,
            0x01 => Status::Absent,
            0x02 | 0x05 => Status::Present,
            0x03 => Status::TooLarge,
            0x20 | 0x21 => Status::Unauthenticated,
            0x82 => Status::Full,
            other => Status::Refused(other),
        };
        // What the server says in words may repeat what it was sent.
        let mut value = body.filter(|_| status == Status::Done).unwrap_or_default();
        value.drain(..head.extras.min(value.len()));
        self.answers.push(Answer { status, cas: head.cas, value });
        if status == Status::Unauthenticated {
            // The server closes the connection and says no more.
            self.answers.resize(self.exchange.commands.len(), Answer { status, ..Answer::SILENCE });
        }
    }
}

fn garbled(expected: &str) -> Error {
    Error::new(ErrorKind::Backend, format!("{expected} was expected; is this a memcached server?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Item<'static> = Item { name: "key", header: b"he", payload: b"ad", expires: 60 };

    /// A reply to one of the commands.
    fn reply(exchange: &Exchange, place: Place, status: u16, extras: &[u8], value: &[u8]) -> Vec<u8> {
        let mut bytes =
            vec![0x81, exchange.commands[place].opcode as u8, 0, 0, u8::try_from(extras.len()).unwrap(), 0];
        bytes.extend(status.to_be_bytes());
        bytes.extend(u32::try_from(extras.len() + value.len()).unwrap().to_be_bytes());
        bytes.extend(exchange.commands[place].opaque.to_be_bytes());
        bytes.extend(7_u64.to_be_bytes());
        [&bytes[..], extras, value].concat()
    }

    fn take(replies: &mut Replies<'_>, bytes: &[u8]) -> Result<()> {
        let (head, body) = bytes.split_first_chunk().expect("a head");
        let head = replies.head(head)?;
        assert_eq!(head.body, body.len());
        replies.body(head, Some(body.to_vec()));
        Ok(())
    }

    fn done(value: &[u8]) -> Answer {
        Answer { status: Status::Done, cas: 7, value: value.to_vec() }
    }

    #[test]
    fn requests_are_as_the_protocol_wants_them() {
        let mut exchange = Exchange::default();
        exchange.set(ITEM, 5);
        let opaque = exchange.commands[0].opaque.to_be_bytes();
        let mut expected = b"\x80\x01\0\x03\x08\0\0\0\0\0\0\x0f".to_vec();
        expected.extend(opaque);
        expected.extend(b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x3ckeyhead");
        assert_eq!(exchange.bytes(), expected);
    }

    #[test]
    fn quiet_commands_may_say_nothing() {
        let mut exchange = Exchange::default();
        exchange.get_quietly("a");
        let b = exchange.get_quietly("b");
        exchange.get_quietly("c");
        let last = exchange.get("last");
        let mut replies = Replies::to(&exchange);
        take(&mut replies, &reply(&exchange, b, 0, &[0; 4], b"value")).expect("a hit");
        let mut replies = replies.finish().expect_err("not the last");
        take(&mut replies, &reply(&exchange, last, 1, &[], b"Not found")).expect("a miss");
        let absent = Answer { status: Status::Absent, cas: 7, value: Vec::new() };
        assert_eq!(
            replies.finish().expect("all answered"),
            [Answer::SILENCE, done(b"value"), Answer::SILENCE, absent]
        );
    }

    #[test]
    fn what_is_no_reply_to_the_request_is_refused() {
        let mut exchange = Exchange::default();
        let set = exchange.set(ITEM, 0);
        let get = exchange.get("k");
        let good = reply(&exchange, set, 0, &[], b"");
        assert!(take(&mut Replies::to(&exchange), &good).is_ok());
        // The magic byte, the opcode, a key or extras where none belong, the data type, the number of the request.
        for at in [0, 1, 3, 4, 5, 15] {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            let (head, _) = bad.split_first_chunk().expect("a head");
            assert!(Replies::to(&exchange).head(head).is_err(), "byte {at}");
        }
        let skipped = reply(&exchange, get, 0, &[0; 4], b"");
        assert!(take(&mut Replies::to(&exchange), &skipped).is_err(), "a store that was not answered");
        let mut replies = Replies::to(&exchange);
        take(&mut replies, &good).expect("the first");
        assert!(take(&mut replies, &good).is_err(), "the same again");
        let mut huge = good;
        huge[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(Replies::to(&exchange).head(huge.split_first_chunk().expect("a head").0).is_err());
        assert!(Replies::to(&exchange).head(b"ERROR\r\nERROR\r\nERROR\r\nERR").is_err());
    }

    #[test]
    fn any_bytes_are_an_error_or_a_reply_but_no_panic() {
        let mut exchange = Exchange::default();
        exchange.get_quietly("a");
        exchange.set(ITEM, 0);
        let mut state = 1_u64;
        for _ in 0..100_000 {
            let mut head = [0; HEADER];
            for byte in &mut head {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
            if state & 1 == 0 {
                // Nearer to the truth.
                head[0] = 0x81;
                head[12..16].copy_from_slice(&exchange.commands[1].opaque.to_be_bytes());
            }
            let mut replies = Replies::to(&exchange);
            if let Ok(head) = replies.head(&head) {
                assert!(head.body <= LONGEST);
                replies.body(head, Some(vec![0; head.body.min(5000)]));
            }
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        for (code, expected) in [
            (1, Status::Absent),
            (2, Status::Present),
            (3, Status::TooLarge),
            (5, Status::Present),
            (0x20, Status::Unauthenticated),
            (0x82, Status::Full),
            (0x86, Status::Refused(0x86)),
        ] {
            let mut exchange = Exchange::default();
            let place = exchange.set(ITEM, 0);
            let mut replies = Replies::to(&exchange);
            take(&mut replies, &reply(&exchange, place, code, &[], b"in words")).expect("a reply");
            let answer = &replies.finish().expect("all")[0];
            assert_eq!((answer.status, answer.value.len()), (expected, 0));
        }
    }
}
