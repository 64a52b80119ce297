//! The binary protocol of memcached: requests as bytes. What comes back is in [`replies`](super::replies).

use std::sync::atomic::{AtomicU32, Ordering};

/// The length of what every request and reply begins with.
pub(super) const HEADER: usize = 24;
/// The longest value a server can be told to keep.
pub(super) const LONGEST: usize = 1 << 30;

/// A number that replies repeat. Unique in this process for as long as any request can be on its way.
static OPAQUE: AtomicU32 = AtomicU32::new(1);

/// Commands that go out together, and what has to come back for them.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    bytes: Vec<u8>,
    pub(super) commands: Vec<Command>,
    is_conditional: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Command {
    pub(super) opcode: Opcode,
    pub(super) opaque: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Opcode {
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

impl Exchange {
    /// An empty one, with room for so many commands and bytes.
    pub(super) fn with_capacity(commands: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            commands: Vec::with_capacity(commands),
            is_conditional: false,
        }
    }

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
    pub(super) fn get_quietly(&mut self, name: &str) {
        self.push(Opcode::GetQuiet, 0, &[], name, [&[], &[]]);
    }

    /// Reads a value.
    pub(super) fn get(&mut self, name: &str) {
        self.push(Opcode::Get, 0, &[], name, [&[], &[]]);
    }

    /// Stores, if the entry there has this number; 0 stands for whatever is there or is not.
    pub(super) fn set(&mut self, item: Item<'_>, cas: u64) {
        self.store(Opcode::Set, item, cas);
    }

    /// Stores where nothing is.
    pub(super) fn add(&mut self, item: Item<'_>) {
        self.store(Opcode::Add, item, 0);
    }

    fn store(&mut self, opcode: Opcode, item: Item<'_>, cas: u64) {
        // No flags.
        let extras = u64::from(item.expires).to_be_bytes();
        self.push(opcode, cas, &extras, item.name, [item.header, item.payload]);
    }

    /// Removes an entry, if it has this number; 0 stands for any.
    pub(super) fn delete(&mut self, name: &str, cas: u64) {
        self.push(Opcode::Delete, cas, &[], name, [&[], &[]]);
    }

    /// Sets when an entry expires, as in [`Item::expires`].
    pub(super) fn touch(&mut self, name: &str, expires: u32) {
        self.push(Opcode::Touch, 0, &expires.to_be_bytes(), name, [&[], &[]]);
    }

    /// Removes everything on the server.
    pub(super) fn flush(&mut self) {
        self.push(Opcode::Flush, 0, &[], "", [&[], &[]]);
    }

    /// Logs in.
    #[cfg(feature = "memcached-sasl")]
    pub(super) fn authenticate(&mut self, username: &str, password: &str) {
        let plain = ["\0", username, "\0", password].concat();
        self.push(Opcode::Authenticate, 0, &[], "PLAIN", [plain.as_bytes(), &[]]);
    }

    /// Everything is length-prefixed: whatever a key or a value contains, it is no command. The caller sees to it that
    /// names are at most 250 bytes long and values at most [`LONGEST`].
    fn push(&mut self, opcode: Opcode, cas: u64, extras: &[u8], name: &str, value: [&[u8]; 2]) {
        let opaque = OPAQUE.fetch_add(1, Ordering::Relaxed);
        let body = extras.len() + name.len() + value[0].len() + value[1].len();
        debug_assert!(name.len() <= 250 && body < 2 * LONGEST, "checked by the caller");
        self.commands.push(Command { opcode, opaque });
        self.is_conditional |= opcode == Opcode::Add || cas != 0;
        self.bytes.reserve(HEADER + body);
        let mut header = [0; HEADER];
        header[..2].copy_from_slice(&[0x80, opcode as u8]);
        header[2..4].copy_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        header[4] = u8::try_from(extras.len()).unwrap_or(u8::MAX);
        header[8..12].copy_from_slice(&u32::try_from(body).unwrap_or(u32::MAX).to_be_bytes());
        header[12..16].copy_from_slice(&opaque.to_be_bytes());
        header[16..].copy_from_slice(&cas.to_be_bytes());
        self.bytes.extend_from_slice(&header);
        for part in [extras, name.as_bytes(), value[0], value[1]] {
            self.bytes.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_the_protocol_wants_them() {
        let mut exchange = Exchange::default();
        exchange.set(Item { name: "key", header: b"he", payload: b"ad", expires: 60 }, 5);
        let opaque = exchange.commands[0].opaque.to_be_bytes();
        let mut expected = b"\x80\x01\0\x03\x08\0\0\0\0\0\0\x0f".to_vec();
        expected.extend(opaque);
        expected.extend(b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x3ckeyhead");
        assert_eq!(exchange.bytes(), expected);
    }

    #[test]
    fn what_depends_on_what_is_there_is_conditional() {
        let item = Item { name: "key", header: b"", payload: b"", expires: 0 };
        let is_conditional = |build: &dyn Fn(&mut Exchange)| {
            let mut exchange = Exchange::default();
            build(&mut exchange);
            exchange.get("k");
            exchange.is_conditional()
        };
        assert!(is_conditional(&|exchange| exchange.add(item)));
        assert!(is_conditional(&|exchange| exchange.set(item, 1)));
        assert!(!is_conditional(&|exchange| exchange.set(item, 0)));
        assert!(!is_conditional(&|exchange| exchange.delete("k", 0)));
    }
}
