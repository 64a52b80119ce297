//! XChaCha20-Poly1305: entries that only the holders of a key can make, or read.

use cachekit_backends::{Error, ErrorKind, Result};
use chacha20poly1305::aead::{AeadInOut as _, Generate as _};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

use super::feed;
use super::keys::{Key, Keys};
use crate::bytes::envelope::HEAD;
use crate::bytes::refusal::Reason;

const NONCE: usize = 24;

pub(super) fn close(
    key: &Key,
    head: Vec<u8>,
    name: &str,
    body: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<u8>> {
    let failed = |why: &'static str| Error::new(ErrorKind::Codec, why);
    // Long enough to be drawn at random for every entry there will ever be.
    let nonce =
        XNonce::try_generate().map_err(|e| failed("the system gives no random numbers").with_source(e))?;
    let mut out = head;
    key.write_id(&mut out);
    out.extend(nonce);
    let mut text = Vec::new();
    body(&mut text);
    let data = associated(name, &out);
    cipher(key)
        .ok_or_else(|| failed("the cipher refused the key"))?
        .encrypt_in_place(&nonce, &data, &mut text)
        .map_err(|_| failed("the value is too long to be encrypted"))?;
    out.extend(text);
    Ok(out)
}

pub(super) fn open(keys: &Keys, bytes: &[u8], name: &str) -> Result<Vec<u8>, Reason> {
    let (key, rest) = keys.find(bytes.get(HEAD..).ok_or(Reason::Damaged)?)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(Reason::Damaged)?;
    let before = &bytes[..bytes.len() - text.len()];
    let mut text = text.to_vec();
    cipher(key)
        .ok_or(Reason::Forged)?
        .decrypt_in_place(&XNonce::from(*nonce), &associated(name, before), &mut text)
        .map_err(|_| Reason::Forged)?;
    Ok(text)
}

/// What is authenticated without being encrypted.
fn associated(name: &str, before: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(8 + name.len() + before.len());
    feed(name, before, |part| data.extend(part));
    data
}

/// The cipher; the lengths of keys were checked when they were taken.
fn cipher(key: &Key) -> Option<XChaCha20Poly1305> {
    XChaCha20Poly1305::new_from_slice(&key.secret).ok()
}
