//! What one entry's file holds: a head, the key, the value. Whatever deviates is no entry.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `cachekit` |
//! | 4 | version of this format, 1 |
//! | 4 | length of the key |
//! | 8 | length of the value |
//! | 8 | when it expires, in nanoseconds since 1970; 0 never |
//! | 8 | when it was written, in nanoseconds since 1970 |
//! | 32 | SHA-256 of all other bytes of the file |
//! | … | the key, then the value, then the end of the file |
//!
//! Numbers are little-endian.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::os;

const MAGIC: [u8; 8] = *b"cachekit";
const VERSION: u32 = 1;
const HEAD: usize = 72;
const CHECKSUM: usize = 40;

/// What is under a name.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// Nothing.
    Absent,
    /// Something that no cache made: a link, a folder, a pipe. It is left alone.
    Foreign,
    /// An expired or damaged entry, to be removed.
    Dead,
    /// A live entry.
    Live(T),
}

impl<T> Found<T> {
    fn and_then<U>(self, next: impl FnOnce(T) -> io::Result<Found<U>>) -> io::Result<Found<U>> {
        match self {
            Self::Live(found) => next(found),
            Self::Dead => Ok(Found::Dead),
            Self::Foreign => Ok(Found::Foreign),
            Self::Absent => Ok(Found::Absent),
        }
    }
}

/// A live entry, read whole and checked.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Vec<u8>,
    pub(super) expires: u64,
}

/// When an entry ends and when it was written, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// 0 never ends.
    pub(super) expires: u64,
    pub(super) written: u64,
}

/// The fixed part in front of the key.
#[derive(Debug)]
pub(super) struct Head {
    key_len: u32,
    value_len: u64,
    expires: u64,
    pub(super) written: u64,
    checksum: [u8; 32],
}

/// When an entry written now expires; 0 is never, and so is what nobody will see.
pub(super) fn expiry(now: u64, lifetime: Option<Duration>) -> u64 {
    let nanos = lifetime.and_then(|lifetime| u64::try_from(lifetime.as_nanos()).ok());
    nanos.and_then(|nanos| now.checked_add(nanos)).map_or(0, |expires| expires.max(1))
}

/// Writes an entry. The key is shorter than 4 GiB, which the caller has checked by passing its length.
pub(super) fn write(
    to: &mut impl Write,
    (key, key_len): (&str, u32),
    value: &[u8],
    Times { expires, written }: Times,
) -> io::Result<()> {
    let value_len = value.len() as u64;
    let mut head = Head { key_len, value_len, expires, written, checksum: [0; 32] };
    head.checksum = head.sum(key, value);
    let mut front = Vec::with_capacity(HEAD + key.len());
    front.extend(head.fields());
    front.extend(head.checksum);
    front.extend(key.as_bytes());
    to.write_all(&front)?;
    to.write_all(value)
}

/// Reads and checks the whole entry of a key.
pub(super) fn read(path: &Path, key: &str, now: u64) -> io::Result<Found<Entry>> {
    look_inside(path, now)?.and_then(|(mut file, head)| {
        if head.key_len as usize != key.len() {
            return Ok(Found::Dead);
        }
        let mut stored = vec![0; key.len()];
        if !fill(&mut file, &mut stored)? || stored != key.as_bytes() {
            return Ok(Found::Dead);
        }
        // The lengths in the head add up to the file's own, so this cannot be talked into more than is there.
        let length = usize::try_from(head.value_len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut value = Vec::new();
        value.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        file.take(head.value_len).read_to_end(&mut value)?;
        if value.len() != length || head.sum(key, &value) != head.checksum {
            return Ok(Found::Dead);
        }
        Ok(Found::Live(Entry { value, expires: head.expires }))
    })
}

/// Reads only the head. Enough to sort entries by age, not enough to serve one.
pub(super) fn look(path: &Path, now: u64) -> io::Result<Found<Head>> {
    look_inside(path, now)?.and_then(|(_, head)| Ok(Found::Live(head)))
}

/// Whether the key of a live entry begins with a prefix.
pub(super) fn begins_with(path: &Path, prefix: &str, now: u64) -> io::Result<Found<bool>> {
    look_inside(path, now)?.and_then(|(mut file, head)| {
        if (head.key_len as usize) < prefix.len() {
            return Ok(Found::Live(false));
        }
        let mut start = vec![0; prefix.len()];
        Ok(Found::Live(fill(&mut file, &mut start)? && start == prefix.as_bytes()))
    })
}

fn look_inside(path: &Path, now: u64) -> io::Result<Found<(File, Head)>> {
    open(path)?.and_then(|(mut file, length)| {
        let mut bytes = [0; HEAD];
        if !fill(&mut file, &mut bytes)? {
            return Ok(Found::Dead);
        }
        Ok(match Head::parse(&bytes, length) {
            Some(head) if head.is_live(now) => Found::Live((file, head)),
            _ => Found::Dead,
        })
    })
}

fn open(path: &Path) -> io::Result<Found<(File, u64)>> {
    match os::open_to_read(path) {
        Ok(file) => {
            let metadata = file.metadata()?;
            Ok(if metadata.is_file() { Found::Live((file, metadata.len())) } else { Found::Foreign })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Absent),
        // A link, a socket and the like cannot be opened, each with an error of its own. A file that may not be read
        // is somebody else's.
        Err(error) => match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() || error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Found::Foreign)
            }
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(Found::Absent),
            _ => Err(error),
        },
    }
}

/// Fills the buffer; false if the file ends before.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Head {
    pub(super) fn is_immortal(&self) -> bool {
        self.expires == 0
    }

    fn parse(bytes: &[u8; HEAD], file_len: u64) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (key_len, rest) = rest.split_first_chunk()?;
        let (value_len, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (written, rest) = rest.split_first_chunk()?;
        let head = Self {
            key_len: u32::from_le_bytes(*key_len),
            value_len: u64::from_le_bytes(*value_len),
            expires: u64::from_le_bytes(*expires),
            written: u64::from_le_bytes(*written),
            checksum: *rest.first_chunk()?,
        };
        let whole = (HEAD as u64 + u64::from(head.key_len)).checked_add(head.value_len);
        let ours = *magic == MAGIC && u32::from_le_bytes(*version) == VERSION && whole == Some(file_len);
        ours.then_some(head)
    }

    fn is_live(&self, now: u64) -> bool {
        self.is_immortal() || now < self.expires
    }

    fn fields(&self) -> [u8; CHECKSUM] {
        let mut bytes = [0; CHECKSUM];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.key_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.value_len.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.expires.to_le_bytes());
        bytes[32..].copy_from_slice(&self.written.to_le_bytes());
        bytes
    }

    fn sum(&self, key: &str, value: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(self.fields()).chain_update(key).chain_update(value).finalize().into()
    }
}
