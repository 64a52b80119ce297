//! Digests for keys: lower-case hexadecimal text of some bytes, by a method that has a name.

use cachekit_backends::{Error, ErrorKind, Result};

/// A digest of the concatenation of some parts, as lower-case hexadecimal text.
pub type HashMethod = fn(parts: &[&[u8]]) -> String;

/// MD5, 32 characters: the default, as in Flask-Caching's beginnings. Not for secrets, but two calls that collide are
/// never each other's value, because entries repeat a second digest.
pub fn md5(parts: &[&[u8]]) -> String {
    digest::<md5::Md5>(parts)
}

/// SHA-1, 40 characters.
#[cfg(feature = "sha1")]
pub fn sha1(parts: &[&[u8]]) -> String {
    digest::<sha1::Sha1>(parts)
}

/// SHA-224, 56 characters.
#[cfg(feature = "sha2")]
pub fn sha224(parts: &[&[u8]]) -> String {
    digest::<sha2::Sha224>(parts)
}

/// SHA-256, 64 characters.
#[cfg(feature = "sha2")]
pub fn sha256(parts: &[&[u8]]) -> String {
    digest::<sha2::Sha256>(parts)
}

/// SHA-384, 96 characters.
#[cfg(feature = "sha2")]
pub fn sha384(parts: &[&[u8]]) -> String {
    digest::<sha2::Sha384>(parts)
}

/// SHA-512, 128 characters.
#[cfg(feature = "sha2")]
pub fn sha512(parts: &[&[u8]]) -> String {
    digest::<sha2::Sha512>(parts)
}

/// BLAKE3, 64 characters.
#[cfg(feature = "blake3")]
pub fn blake3(parts: &[&[u8]]) -> String {
    let mut hasher = ::blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hex(hasher.finalize().as_bytes())
}

/// Any digest that implements the trait of the crate `digest` 0.11.
pub fn digest<D: ::digest::Digest>(parts: &[&[u8]]) -> String {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// The method of a name in configuration.
pub(crate) fn by_name(name: &str) -> Result<HashMethod> {
    let Some((_, feature, method)) = METHODS.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<_> = METHODS.iter().map(|(known, ..)| *known).collect();
        let message = format!("no hash method is called {name:?}; known are {}", known.join(", "));
        return Err(Error::new(ErrorKind::Config, message));
    };
    method.ok_or_else(|| {
        let message = format!("the hash method {name} needs the feature `{feature}` of cachekit");
        Error::new(ErrorKind::Config, message)
    })
}

macro_rules! methods {
    ($($method:ident: $feature:literal;)*) => {
        &[$((
            stringify!($method),
            $feature,
            {
                #[cfg(feature = $feature)]
                let method: Option<HashMethod> = Some($method);
                #[cfg(not(feature = $feature))]
                let method: Option<HashMethod> = None;
                method
            },
        ),)* ("md5", "", Some(md5))]
    };
}

/// Name, feature, and the method where the feature is on.
const METHODS: &[(&str, &str, Option<HashMethod>)] = methods! {
    sha1: "sha1";
    sha224: "sha2";
    sha256: "sha2";
    sha384: "sha2";
    sha512: "sha2";
    blake3: "blake3";
};

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc() {
        assert_eq!(md5(&[b"abc"]), "900150983cd24fb0d6963f7d28e17f72");
        #[cfg(feature = "sha1")]
        assert_eq!(sha1(&[b"abc"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
        #[cfg(feature = "sha2")]
        assert_eq!(sha256(&[b"abc"]), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        #[cfg(feature = "blake3")]
        assert_eq!(blake3(&[b"abc"]), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    }

    #[test]
    fn every_name_gives_its_own_digest() {
        let lengths = [
            ("md5", 32, true),
            ("sha1", 40, cfg!(feature = "sha1")),
            ("sha224", 56, cfg!(feature = "sha2")),
            ("sha256", 64, cfg!(feature = "sha2")),
            ("sha384", 96, cfg!(feature = "sha2")),
            ("sha512", 128, cfg!(feature = "sha2")),
            ("blake3", 64, cfg!(feature = "blake3")),
        ];
        for (name, length, on) in lengths {
            match by_name(name) {
                Ok(method) => assert_eq!((method(&[b"abc"]).len(), on), (length, true), "{name}"),
                Err(error) => {
                    assert!(!on, "{name}: {error}");
                    assert!(error.to_string().contains("needs the feature `"), "{error}");
                }
            }
        }
    }

    #[test]
    fn parts_are_concatenated() {
        assert_eq!(md5(&[b"a", b"", b"bc"]), md5(&[b"abc"]));
        assert_eq!(md5(&[]), md5(&[b""]));
    }
}
