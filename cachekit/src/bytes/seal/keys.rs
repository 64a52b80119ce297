//! Secret keys with ids: a list that rotates.

use std::fmt;
use std::sync::Arc;

use cachekit_backends::{Error, ErrorKind, Result};

use crate::bytes::refusal::Reason;

/// Overwritten when it is dropped, where something can be sealed.
#[cfg(any(feature = "hmac", feature = "aead"))]
type Secret = zeroize::Zeroizing<Vec<u8>>;
#[cfg(not(any(feature = "hmac", feature = "aead")))]
type Secret = Vec<u8>;

/// The longest id.
const LONGEST: usize = 32;

/// A key and its id. There is no `Debug`: the derived one would show the secret.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: Secret,
}

/// Keys: the first seals, all open.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<[Key]>);

impl Keys {
    pub(crate) fn of<I: Into<String>, K: AsRef<[u8]>>(
        keys: impl IntoIterator<Item = (I, K)>,
    ) -> Result<Self> {
        let mut all: Vec<Key> = Vec::new();
        for (id, secret) in keys {
            let mut key = Key { id: id.into(), secret: room(secret.as_ref().len()) };
            key.secret.extend(secret.as_ref());
            if !is_id(&key.id) {
                return Err(bad("the id of a key is 1 to 32 letters, digits, `-`, `_` and `.`"));
            }
            if all.iter().any(|other| other.id == key.id) {
                return Err(bad(format!("two keys have the id {}; every key has its own", key.id)));
            }
            all.push(key);
        }
        if all.is_empty() {
            return Err(bad("a seal needs a key: write id:hex, several with commas, the first one seals"));
        }
        Ok(Self(all.into()))
    }

    /// Reads `id:hex,id:hex`. Errors show no more than ids.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (id, hex) = pair
                .split_once(':')
                .filter(|(id, _)| is_id(id))
                .ok_or_else(|| bad("expected keys as id:hex,id:hex, the first one seals"))?;
            let secret = secret_of(hex).ok_or_else(|| {
                bad(format!("the key {id} is not written in hexadecimal digits, two for a byte"))
            })?;
            keys.push((id, secret));
        }
        Self::of(keys)
    }

    /// Checks the lengths of all keys.
    pub(crate) fn check(&self, expected: &str, fits: impl Fn(usize) -> bool) -> Result<()> {
        match self.0.iter().find(|key| !fits(key.secret.len())) {
            Some(key) => {
                let message =
                    format!("the key {} has {} bytes; expected {expected}", key.id, key.secret.len());
                Err(bad(message))
            }
            None => Ok(()),
        }
    }

    /// The key that seals.
    #[cfg_attr(not(any(feature = "hmac", feature = "aead")), allow(dead_code, reason = "nothing seals"))]
    pub(crate) fn first(&self) -> Result<&Key> {
        self.0.first().ok_or_else(|| bad("a seal needs a key"))
    }

    /// Reads the id that begins an entry behind its head, and what follows it.
    #[cfg_attr(not(any(feature = "hmac", feature = "aead")), allow(dead_code, reason = "nothing seals"))]
    pub(crate) fn find<'a>(&self, bytes: &'a [u8]) -> Result<(&Key, &'a [u8]), Reason> {
        let (length, rest) = bytes.split_first().ok_or(Reason::Damaged)?;
        let (id, rest) = rest.split_at_checked(usize::from(*length)).ok_or(Reason::Damaged)?;
        let key = self.0.iter().find(|key| key.id.as_bytes() == id).ok_or(Reason::UnknownKey)?;
        Ok((key, rest))
    }
}

impl fmt::Debug for Keys {
    /// Shows the ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl Key {
    /// Writes the id as [`Keys::find`] reads it.
    #[cfg_attr(not(any(feature = "hmac", feature = "aead")), allow(dead_code, reason = "nothing seals"))]
    pub(crate) fn write_id(&self, out: &mut Vec<u8>) {
        // No longer than `LONGEST`.
        out.push(u8::try_from(self.id.len()).unwrap_or(u8::MAX));
        out.extend(self.id.bytes());
    }
}

fn is_id(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn secret_of(hex: &str) -> Option<Secret> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    let mut secret = room(pairs.len());
    for [high, low] in pairs {
        secret.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(secret)
}

/// Room for so many bytes, so that nothing is left behind where they grew.
fn room(bytes: usize) -> Secret {
    #[allow(clippy::useless_conversion, reason = "not where a secret is more than its bytes")]
    Secret::from(Vec::with_capacity(bytes))
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}
