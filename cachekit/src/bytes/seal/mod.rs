//! Sealing of entries: a checksum, a tag or encryption, over an entry and the key it is stored under.

#[cfg(feature = "aead")]
mod aead;
#[cfg(feature = "hmac")]
mod hmac;
pub(crate) mod keys;

use std::borrow::Cow;
use std::fmt;

use cachekit_backends::{Error, ErrorKind, Result};

use self::keys::Keys;
use super::envelope::HEAD;
use super::refusal::Reason;

/// How an entry is sealed, by its number in the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealing {
    None = 0,
    Hmac = 1,
    Aead = 2,
}

impl Sealing {
    pub(crate) fn of_bits(bits: u8) -> Option<Self> {
        [Self::None, Self::Hmac, Self::Aead].into_iter().find(|sealing| *sealing as u8 == bits)
    }

    /// The method of a name in configuration.
    pub(crate) fn by_name(name: &str) -> Result<Self> {
        let (sealing, on) = match name {
            "none" => (Self::None, true),
            "hmac" => (Self::Hmac, cfg!(feature = "hmac")),
            "aead" => (Self::Aead, cfg!(feature = "aead")),
            _ => {
                let message = format!("no seal is called {name:?}; known are none, hmac and aead");
                return Err(Error::new(ErrorKind::Config, message));
            }
        };
        if on {
            return Ok(sealing);
        }
        Err(Error::new(ErrorKind::Config, format!("the seal {name} needs the feature `{name}` of cachekit")))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hmac => "hmac",
            Self::Aead => "aead",
        }
    }
}

#[doc = include_str!("../../docs/seal.md")]
#[derive(Clone)]
pub struct Seal {
    sealing: Sealing,
    keys: Keys,
}

impl Seal {
    /// No seal: the default. A checksum still finds what was damaged by accident.
    pub fn none() -> Self {
        Self { sealing: Sealing::None, keys: Keys::default() }
    }

    /// Entries are authenticated by HMAC-SHA256, and readable by whoever can read the store.
    ///
    /// Each key is an id, which stands in the entries it seals, and 32 secret bytes or more. The first one seals, all
    /// open.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if there is no key, two have one id, an id is not made of 1 to 32 letters, digits,
    /// `-`, `_` and `.`, or a key is too short.
    #[cfg(feature = "hmac")]
    pub fn hmac<I: Into<String>, K: AsRef<[u8]>>(keys: impl IntoIterator<Item = (I, K)>) -> Result<Self> {
        Self::of(Sealing::Hmac, Keys::of(keys)?)
    }

    /// Entries are encrypted and authenticated by XChaCha20-Poly1305 under a random nonce.
    ///
    /// Keys are as for [`hmac`](Self::hmac), but exactly 32 bytes long.
    ///
    /// # Errors
    ///
    /// As [`hmac`](Self::hmac).
    #[cfg(feature = "aead")]
    pub fn aead<I: Into<String>, K: AsRef<[u8]>>(keys: impl IntoIterator<Item = (I, K)>) -> Result<Self> {
        Self::of(Sealing::Aead, Keys::of(keys)?)
    }

    /// A method with keys that suit it.
    pub(crate) fn of(sealing: Sealing, keys: Keys) -> Result<Self> {
        match sealing {
            Sealing::None => return Ok(Self::none()),
            Sealing::Hmac => keys.check("32 bytes or more (64 hexadecimal digits)", |length| length >= 32)?,
            Sealing::Aead => keys.check("exactly 32 bytes (64 hexadecimal digits)", |length| length == 32)?,
        }
        Ok(Self { sealing, keys })
    }

    /// Whether entries must be sealed.
    pub(crate) fn is_on(&self) -> bool {
        self.sealing != Sealing::None
    }

    pub(crate) fn sealing(&self) -> Sealing {
        self.sealing
    }

    /// The method and its keys, as configuration has them.
    pub(crate) fn into_parts(self) -> (Sealing, Keys) {
        (self.sealing, self.keys)
    }

    /// The entry of a head and a body, for one key of the backend.
    pub(crate) fn close(&self, head: Vec<u8>, key: &str, body: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>> {
        match self.sealing {
            Sealing::None => {
                let mut out = head;
                body(&mut out);
                Ok(with_checksum(out, key))
            }
            #[cfg(feature = "hmac")]
            Sealing::Hmac => hmac::close(self.keys.first()?, head, key, body),
            #[cfg(feature = "aead")]
            Sealing::Aead => aead::close(self.keys.first()?, head, key, body),
            #[cfg(not(all(feature = "hmac", feature = "aead")))]
            _ => Err(Error::new(ErrorKind::Config, "this seal is not compiled in")),
        }
    }

    /// The body of an entry that is sealed the way this cache seals, and for this key of the backend.
    pub(crate) fn open<'a>(
        &self,
        sealing: Sealing,
        bytes: &'a [u8],
        key: &str,
    ) -> Result<Cow<'a, [u8]>, Reason> {
        if sealing != self.sealing {
            return Err(Reason::OtherSeal);
        }
        match sealing {
            Sealing::None => checked(bytes, key).map(Cow::Borrowed),
            #[cfg(feature = "hmac")]
            Sealing::Hmac => hmac::open(&self.keys, bytes, key).map(Cow::Borrowed),
            #[cfg(feature = "aead")]
            Sealing::Aead => aead::open(&self.keys, bytes, key).map(Cow::Owned),
            #[cfg(not(all(feature = "hmac", feature = "aead")))]
            _ => Err(Reason::OtherSeal),
        }
    }
}

impl fmt::Debug for Seal {
    /// Shows the ids of the keys, never the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("sealing", &self.sealing).field("keys", &self.keys).finish()
    }
}

/// An entry without a seal: bytes and their checksum.
pub(crate) fn with_checksum(mut bytes: Vec<u8>, key: &str) -> Vec<u8> {
    let sum = checksum(key, &bytes);
    bytes.extend(sum);
    bytes
}

/// What stands between the head and the checksum, if that is right.
pub(crate) fn checked<'a>(bytes: &'a [u8], key: &str) -> Result<&'a [u8], Reason> {
    let (covered, sum) = bytes.split_last_chunk::<8>().ok_or(Reason::Damaged)?;
    if checksum(key, covered) != *sum {
        return Err(Reason::Damaged);
    }
    covered.get(HEAD..).ok_or(Reason::Damaged)
}

/// Half of an MD5: against accidents, not against forgers.
fn checksum(key: &str, covered: &[u8]) -> [u8; 8] {
    use digest::Digest as _;
    let mut digest = md5::Md5::new();
    feed(key, covered, |part| digest.update(part));
    let [sum @ .., _, _, _, _, _, _, _, _]: [u8; 16] = digest.finalize().into();
    sum
}

/// Feeds what every seal is over: the whole key of the backend, its length first so that nothing can move from one to
/// the other, and what precedes the tag.
fn feed(key: &str, covered: &[u8], mut take: impl FnMut(&[u8])) {
    take(&(key.len() as u64).to_le_bytes());
    take(key.as_bytes());
    take(covered);
}
