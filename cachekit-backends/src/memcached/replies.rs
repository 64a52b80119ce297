//! The binary protocol of memcached: replies, matched to the commands of an [`Exchange`].

use std::sync::Arc;

use super::protocol::{Command, Exchange, HEADER, LONGEST, Opcode};
use crate::net::Input;
use crate::{Error, ErrorKind, Result};

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
struct Head {
    status: u16,
    cas: u64,
    extras: usize,
    /// How many bytes follow.
    body: usize,
}

/// Replies as they come in.
#[derive(Debug)]
pub(super) struct Replies {
    exchange: Arc<Exchange>,
    answers: Vec<Answer>,
    /// The head of the next reply, and how much is still to come of a body that is passed over.
    head: Option<(Head, usize)>,
}

impl Replies {
    pub(super) fn to(exchange: Arc<Exchange>) -> Self {
        let answers = Vec::with_capacity(exchange.commands.len());
        Self { exchange, answers, head: None }
    }

    /// Takes what came; the answers, once there is one to each command. A value that is longer than anything of ours is
    /// passed over.
    ///
    /// # Errors
    ///
    /// When it is no reply to what was asked.
    pub(super) fn read(&mut self, input: &mut Input, longest: usize) -> Result<Option<Vec<Answer>>> {
        while self.answers.len() < self.exchange.commands.len() {
            let (head, left) = if let Some(head) = self.head {
                head
            } else {
                let Some(head) = input.bytes().first_chunk() else { return Ok(None) };
                let head = self.head(head)?;
                input.take(HEADER);
                (head, head.body)
            };
            let count = left.min(input.bytes().len());
            if head.body > longest {
                input.take(count);
            }
            if count < left {
                let left = if head.body > longest { left - count } else { left };
                self.head = Some((head, left));
                return Ok(None);
            }
            self.head = None;
            if head.body > longest {
                self.body(head, None);
            } else {
                self.body(head, Some(&input.bytes()[..count]));
                input.take(count);
            }
        }
        Ok(Some(std::mem::take(&mut self.answers)))
    }

    /// Reads the head of the next reply, which may skip commands that say nothing on a miss.
    ///
    /// # Errors
    ///
    /// When it is no reply to what was asked; nothing that comes after it on the connection means anything then.
    fn head(&mut self, head: &[u8; HEADER]) -> Result<Head> {
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
    fn body(&mut self, head: Head, body: Option<&[u8]>) {
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
        let value = body.filter(|_| status == Status::Done).and_then(|body| body.get(head.extras..));
        let value = value.unwrap_or_default().to_vec();
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
    use super::super::protocol::Item;
    use super::*;

    const ITEM: Item<'static> = Item { name: "key", header: b"he", payload: b"ad", expires: 60 };

    /// A reply to one of the commands.
    fn reply(exchange: &Exchange, place: usize, status: u16, extras: &[u8], value: &[u8]) -> Vec<u8> {
        let mut bytes =
            vec![0x81, exchange.commands[place].opcode as u8, 0, 0, u8::try_from(extras.len()).unwrap(), 0];
        bytes.extend(status.to_be_bytes());
        bytes.extend(u32::try_from(extras.len() + value.len()).unwrap().to_be_bytes());
        bytes.extend(exchange.commands[place].opaque.to_be_bytes());
        bytes.extend(7_u64.to_be_bytes());
        [&bytes[..], extras, value].concat()
    }

    /// Takes bytes, some at a time: the answers, if they are complete.
    fn take(replies: &mut Replies, bytes: &[u8]) -> Result<Option<Vec<Answer>>> {
        let (mut input, mut answers) = (Input::default(), None);
        for part in bytes.chunks(7) {
            assert_eq!(answers, None, "more than was asked for");
            input.room()[..part.len()].copy_from_slice(part);
            input.arrived(part.len());
            answers = replies.read(&mut input, 5000)?;
        }
        assert!(input.is_empty());
        Ok(answers)
    }

    fn done(value: &[u8]) -> Answer {
        Answer { status: Status::Done, cas: 7, value: value.to_vec() }
    }

    #[test]
    fn quiet_commands_may_say_nothing() {
        let mut exchange = Exchange::default();
        exchange.get_quietly("a");
        exchange.get_quietly("b");
        exchange.get_quietly("c");
        exchange.get("last");
        let exchange = Arc::new(exchange);
        let mut replies = Replies::to(Arc::clone(&exchange));
        let hit = reply(&exchange, 1, 0, &[0; 4], b"value");
        assert_eq!(take(&mut replies, &hit).expect("a hit"), None, "not the last");
        let miss = take(&mut replies, &reply(&exchange, 3, 1, &[], b"Not found")).expect("a miss");
        let absent = Answer { status: Status::Absent, cas: 7, value: Vec::new() };
        assert_eq!(miss.expect("all answered"), [Answer::SILENCE, done(b"value"), Answer::SILENCE, absent]);
    }

    #[test]
    fn a_value_that_is_too_long_is_passed_over() {
        let mut exchange = Exchange::default();
        exchange.get_quietly("a");
        exchange.get("last");
        let exchange = Arc::new(exchange);
        let mut replies = Replies::to(Arc::clone(&exchange));
        let long = reply(&exchange, 0, 0, &[0; 4], &[7; 5000]);
        assert_eq!(take(&mut replies, &long).expect("a reply"), None);
        let answers = take(&mut replies, &reply(&exchange, 1, 0, &[0; 4], b"value")).expect("a hit");
        let absent = Answer { status: Status::Absent, cas: 7, value: Vec::new() };
        assert_eq!(answers.expect("all answered"), [absent, done(b"value")]);
    }

    #[test]
    fn what_is_no_reply_to_the_request_is_refused() {
        let mut exchange = Exchange::default();
        exchange.set(ITEM, 0);
        exchange.get("k");
        let exchange = Arc::new(exchange);
        let replies = || Replies::to(Arc::clone(&exchange));
        let good = reply(&exchange, 0, 0, &[], b"");
        assert!(take(&mut replies(), &good).is_ok());
        // The magic byte, the opcode, a key or extras where none belong, the data type, the number of the request.
        for at in [0, 1, 3, 4, 5, 15] {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            let (head, _) = bad.split_first_chunk().expect("a head");
            assert!(replies().head(head).is_err(), "byte {at}");
        }
        let skipped = reply(&exchange, 1, 0, &[0; 4], b"");
        assert!(take(&mut replies(), &skipped).is_err(), "a store that was not answered");
        let mut twice = replies();
        take(&mut twice, &good).expect("the first");
        assert!(take(&mut twice, &good).is_err(), "the same again");
        let mut huge = good;
        huge[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(replies().head(huge.split_first_chunk().expect("a head").0).is_err());
        assert!(replies().head(b"ERROR\r\nERROR\r\nERROR\r\nERR").is_err());
    }

    #[test]
    fn any_bytes_are_an_error_or_a_reply_but_no_panic() {
        let mut exchange = Exchange::default();
        exchange.get_quietly("a");
        exchange.set(ITEM, 0);
        let exchange = Arc::new(exchange);
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
            let mut replies = Replies::to(Arc::clone(&exchange));
            if let Ok(head) = replies.head(&head) {
                assert!(head.body <= LONGEST);
                replies.body(head, Some(&vec![0; head.body.min(5000)]));
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
            exchange.set(ITEM, 0);
            let exchange = Arc::new(exchange);
            let mut replies = Replies::to(Arc::clone(&exchange));
            let answers = take(&mut replies, &reply(&exchange, 0, code, &[], b"in words")).expect("a reply");
            let answer = &answers.expect("all")[0];
            assert_eq!((answer.status, answer.value.len()), (expected, 0));
        }
    }
}
