//! The byte form of an entry: what a value carries with it into a backend.
//!
//! ```text
//! magic 2 | format 1 | flags 1 | codec 1 | nonce 8            the head: unlike that of every other write
//! birth 8 | lifetime 8 | compute time 8                       ms since 1970, ms (0 never), µs
//! type 8 | second digest 16 | instance 16 | stamps: count 1, 8 each | owner: length 2, bytes
//! payload: length 8, bytes | checksum 8
//! ```
//!
//! All integers are little-endian. Any deviation makes the whole a miss with a [`Reason`].

use std::hash::Hasher as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MAGIC: [u8; 2] = [0xC5, 0x4B];
const FORMAT: u8 = 1;
/// The length of what is unlike in every write: enough to recognise one.
pub(crate) const HEAD: usize = 13;
const TOMBSTONE: u8 = 1;

/// A generation of a function or an instance: a random number, zero for none.
pub(crate) type Stamp = u64;

/// What an envelope says, its payload borrowed.
#[derive(Debug, Clone)]
pub(crate) struct Envelope<'a> {
    pub(crate) codec: u8,
    pub(crate) born: SystemTime,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) compute: Duration,
    /// What the value is: a fingerprint of its type.
    pub(crate) shape: u64,
    /// A digest of the key beside the one in the key: two calls that collide in one do not in the other.
    pub(crate) second: u128,
    /// The receiver whose stamp is the second one; zero for none.
    pub(crate) instance: u128,
    pub(crate) stamps: Vec<Stamp>,
    /// The function whose stamps these are, where the key does not name it.
    pub(crate) owner: &'a str,
    pub(crate) payload: &'a [u8],
}

/// Why bytes are not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Not written by us, or by another version.
    Foreign,
    /// Cut short or changed.
    Damaged,
    /// A call was forgotten here.
    Tombstone,
}

impl<'a> Envelope<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        if bytes.get(..2) != Some(&MAGIC) || bytes.get(2) != Some(&FORMAT) {
            return Err(Reason::Foreign);
        }
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(Reason::Damaged)?;
        if checksum(body) != *sum {
            return Err(Reason::Damaged);
        }
        let mut reader = Reader(body.get(3..).ok_or(Reason::Damaged)?);
        Self::read(&mut reader).ok_or(Reason::Damaged)?
    }

    /// Reads what follows the format; `None` if it is cut short.
    fn read(reader: &mut Reader<'a>) -> Option<Result<Self, Reason>> {
        let [flags] = reader.take()?;
        let [codec] = reader.take()?;
        let _nonce: [u8; 8] = reader.take()?;
        if flags == TOMBSTONE {
            return Some(Err(Reason::Tombstone));
        }
        let born = UNIX_EPOCH.checked_add(Duration::from_millis(reader.u64()?))?;
        let lifetime = Some(reader.u64()?).filter(|ms| *ms != 0).map(Duration::from_millis);
        let compute = Duration::from_micros(reader.u64()?);
        let shape = reader.u64()?;
        let second = u128::from_le_bytes(reader.take()?);
        let instance = u128::from_le_bytes(reader.take()?);
        let [count] = reader.take()?;
        let stamps = (0..count).map(|_| reader.u64()).collect::<Option<_>>()?;
        let owner = usize::from(u16::from_le_bytes(reader.take()?));
        let owner = std::str::from_utf8(reader.bytes(owner)?).ok()?;
        let length = usize::try_from(reader.u64()?).ok()?;
        let payload = reader.0;
        let whole = flags == 0 && payload.len() == length;
        whole.then_some(Ok(Self {
            codec,
            born,
            lifetime,
            compute,
            shape,
            second,
            instance,
            stamps,
            owner,
            payload,
        }))
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = head(0, self.codec);
        out.reserve(96 + 8 * self.stamps.len() + self.payload.len());
        let born = self.born.duration_since(UNIX_EPOCH).unwrap_or_default();
        // A lifetime under a millisecond is not "never".
        let lifetime = self.lifetime.map_or(0, |l| millis(l).max(1));
        for word in [millis(born), lifetime, micros(self.compute), self.shape] {
            out.extend(word.to_le_bytes());
        }
        out.extend(self.second.to_le_bytes());
        out.extend(self.instance.to_le_bytes());
        // Two at most today, and never more than a function has tags.
        out.push(u8::try_from(self.stamps.len()).unwrap_or(u8::MAX));
        for stamp in &self.stamps {
            out.extend(stamp.to_le_bytes());
        }
        // Names of functions are kept far shorter than this; see `names::fit`.
        out.extend(u16::try_from(self.owner.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(self.owner.bytes());
        out.extend((self.payload.len() as u64).to_le_bytes());
        out.extend(self.payload);
        seal(out)
    }
}

/// What is put in the place of a call that was forgotten.
pub(crate) fn tombstone() -> Vec<u8> {
    seal(head(TOMBSTONE, 0))
}

/// Whether bytes are a whole tombstone.
pub(crate) fn is_tombstone(bytes: &[u8]) -> bool {
    matches!(Envelope::parse(bytes), Err(Reason::Tombstone))
}

fn head(flags: u8, codec: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD);
    out.extend(MAGIC);
    out.extend([FORMAT, flags, codec]);
    out.extend(random().to_le_bytes());
    out
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&bytes);
    bytes.extend(sum);
    bytes
}

/// Half of an MD5: against accidents, not against forgers.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let digest = <md5::Md5 as digest::Digest>::digest(bytes);
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// A random number that is not zero. Unlike others with overwhelming probability, not secret.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The keys are random per process; the count and the time keep forks and calls apart.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
    hasher.write_u32(std::process::id());
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    hasher.write_u128(nanos);
    hasher.finish().max(1)
}

/// The second digest of a key: SipHash-2-4 under two fixed keys, the same everywhere, and unlike any digest that names
/// the key.
#[allow(deprecated, reason = "std keeps SipHash-2-4, which is specified, only under this name")]
pub(crate) fn second_digest(parts: &[&[u8]]) -> u128 {
    let half = |key: u64| {
        let mut hasher = std::hash::SipHasher::new_with_keys(key, !key);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        u128::from(hasher.finish())
    };
    half(0x6361_6368_656b_6974) << 64 | half(0x7365_636f_6e64_2121)
}

/// The fingerprint of a type by its name, the same for a borrowed and an owned form of text and slices.
pub(crate) fn shape_of<T: ?Sized>() -> u64 {
    let name: String = std::any::type_name::<T>().replace('&', "").replace("alloc::string::String", "str");
    let name = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .filter(|n| !n.contains(';'))
        .map_or_else(|| name.clone(), |item| format!("alloc::vec::Vec<{item}>"));
    let digest = second_digest(&[name.as_bytes()]);
    u64::try_from(digest & u128::from(u64::MAX)).unwrap_or(0)
}
