//! HMAC-SHA256: entries that only the holders of a key can make.

use cachekit_backends::{Error, ErrorKind, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::feed;
use super::keys::{Key, Keys};
use crate::bytes::envelope::HEAD;
use crate::bytes::refusal::Reason;

const TAG: usize = 32;

pub(super) fn close(
    key: &Key,
    head: Vec<u8>,
    name: &str,
    body: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<u8>> {
    let mut out = head;
    key.write_id(&mut out);
    body(&mut out);
    let mac = mac(key, name, &out).ok_or_else(|| Error::new(ErrorKind::Codec, "HMAC refused the key"))?;
    out.extend(mac.finalize().into_bytes());
    Ok(out)
}

pub(super) fn open<'a>(keys: &Keys, bytes: &'a [u8], name: &str) -> Result<&'a [u8], Reason> {
    let (covered, tag) = bytes.split_last_chunk::<TAG>().ok_or(Reason::Damaged)?;
    let (key, body) = keys.find(covered.get(HEAD..).ok_or(Reason::Damaged)?)?;
    // Compares in constant time.
    let mac = mac(key, name, covered).ok_or(Reason::Forged)?;
    mac.verify_slice(tag).map_err(|_| Reason::Forged)?;
    Ok(body)
}

/// The code of an entry; HMAC takes keys of every length.
fn mac(key: &Key, name: &str, covered: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::new_from_slice(&key.secret).ok()?;
    feed(name, covered, |part| mac.update(part));
    Some(mac)
}
