//! The bytes before a value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Epoch;

/// What is stored for an entry: what it is, since when and until when it is valid, and its bytes.
///
/// Layout, integers big-endian: the mark `CKf1`, one byte for the [`Kind`], the epoch's id and number (8 bytes each), the
/// time of expiry in milliseconds since 1970 (8 bytes, 0 for never), the payload. A stored value is never empty so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) epoch: Epoch,
    /// When it expires, in milliseconds since 1970; `None` never.
    pub(crate) expires: Option<u64>,
    pub(crate) payload: Vec<u8>,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The value.
    Value,
    /// What says where the parts of a value are.
    Manifest,
}

const MARK: &[u8; 4] = b"CKf1";

impl Frame {
    /// The length of what stands before the payload.
    pub(crate) const HEADER: usize = 29;

    /// What stands before a payload.
    pub(crate) fn header(kind: Kind, epoch: Epoch, expires: Option<u64>) -> [u8; Self::HEADER] {
        let mut header = [0; Self::HEADER];
        header[..4].copy_from_slice(MARK);
        header[4] = match kind {
            Kind::Value => b'v',
            Kind::Manifest => b'm',
        };
        header[5..13].copy_from_slice(&epoch.id.to_be_bytes());
        header[13..21].copy_from_slice(&epoch.seq.to_be_bytes());
        header[21..].copy_from_slice(&expires.map_or(0, |at| at.max(1)).to_be_bytes());
        header
    }

    /// Reads what was stored; `None` if it is anything but a frame.
    pub(crate) fn parse(mut stored: Vec<u8>) -> Option<Self> {
        let header: [u8; Self::HEADER] = stored.get(..Self::HEADER)?.try_into().ok()?;
        let (mark, rest) = header.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first()?;
        let kind = match kind {
            b'v' => Kind::Value,
            b'm' => Kind::Manifest,
            _ => return None,
        };
        let (id, rest) = rest.split_first_chunk()?;
        let (seq, expires) = rest.split_first_chunk()?;
        if mark != MARK {
            return None;
        }
        let epoch = Epoch { id: u64::from_be_bytes(*id), seq: u64::from_be_bytes(*seq) };
        let expires = Some(u64::from_be_bytes(expires.try_into().ok()?)).filter(|at| *at != 0);
        stored.drain(..Self::HEADER);
        Some(Self { kind, epoch, expires, payload: stored })
    }

    /// Whether its time is over, as of now in milliseconds since 1970.
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// When something expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// To the millisecond, for the frame; `None` never.
    pub(crate) at: Option<u64>,
    /// In whole seconds from now, for the server; `None` never. So much later than `at` that a server whose clock ticks
    /// once in a second does not drop the entry before.
    pub(crate) seconds: Option<u64>,
}

impl Expiry {
    /// The end of a lifetime that begins now. What no clock can tell is never.
    pub(crate) fn of(lifetime: Option<Duration>) -> Self {
        let millis = lifetime.and_then(|lifetime| {
            // Part of a millisecond is one: what was given a lifetime has it.
            u64::try_from(lifetime.as_nanos().div_ceil(1_000_000)).ok()
        });
        Self::at(millis.and_then(|millis| now_ms().checked_add(millis)), now_ms())
    }

    /// The end of an entry which is there already.
    pub(crate) fn at(at: Option<u64>, now: u64) -> Self {
        Self { at, seconds: at.map(|at| at.saturating_sub(now).div_ceil(1000) + 1) }
    }
}

/// The time of this machine's clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch { id: 0x0102_0304_0506_0708, seq: 9 };

    fn stored(kind: Kind, expires: Option<u64>, payload: &[u8]) -> Vec<u8> {
        [&Frame::header(kind, EPOCH, expires)[..], payload].concat()
    }

    #[test]
    fn what_is_written_is_read() {
        for kind in [Kind::Value, Kind::Manifest] {
            for expires in [None, Some(1), Some(u64::MAX)] {
                for payload in [&b""[..], b"x", &[0xff; 5000]] {
                    let expected = Frame { kind, epoch: EPOCH, expires, payload: payload.to_vec() };
                    assert_eq!(Frame::parse(stored(kind, expires, payload)), Some(expected));
                }
            }
        }
    }

    #[test]
    fn the_layout_stays() {
        let expected = b"CKf1v\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\x03\xe8pay";
        assert_eq!(stored(Kind::Value, Some(1000), b"pay"), expected);
    }

    #[test]
    fn anything_else_is_none() {
        let whole = stored(Kind::Value, None, b"");
        for length in 0..whole.len() {
            assert_eq!(Frame::parse(whole[..length].to_vec()), None);
        }
        for at in 0..5 {
            let mut other = whole.clone();
            other[at] ^= 0x20;
            assert_eq!(Frame::parse(other), None, "byte {at}");
        }
    }

    #[test]
    fn a_frame_expires_at_its_millisecond() {
        let frame = |expires| Frame { kind: Kind::Value, epoch: EPOCH, expires, payload: Vec::new() };
        assert!(!frame(Some(1000)).has_expired(999) && frame(Some(1000)).has_expired(1000));
        assert!(!frame(None).has_expired(u64::MAX));
    }

    #[test]
    fn the_server_keeps_it_at_least_as_long() {
        let seconds = |at| Expiry::at(Some(at), 10_000).seconds;
        assert_eq!((seconds(10_001), seconds(11_000), seconds(11_001)), (Some(2), Some(2), Some(3)));
        assert_eq!(seconds(5_000), Some(1), "never 0, which is for ever");
        assert_eq!(Expiry::of(None), Expiry { at: None, seconds: None });
        assert_eq!(Expiry::of(Some(Duration::MAX)).at, None);
        assert!(Expiry::of(Some(Duration::from_nanos(1))).at > Some(now_ms() - 1000));
        assert_eq!(Expiry::of(Some(Duration::from_millis(1500))).seconds, Some(3));
    }
}
