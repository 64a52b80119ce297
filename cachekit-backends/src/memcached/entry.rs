//! Where an entry is, and what was found there.

use std::borrow::Cow;
use std::sync::Arc;

use super::chunks::Manifest;
use super::keys;
use super::protocol::HEADER;
use super::replies::{Answer, Status};
use super::servers::{Ask, Servers};
use crate::framed::{Epoch, Expiry, Frame, Kind, Registry, now_ms};

/// Where the entry under a key is.
#[derive(Clone, Debug)]
pub(super) struct Spot<'a> {
    /// As the caller calls it.
    pub(super) key: &'a str,
    /// As the server calls it.
    pub(super) name: Cow<'a, str>,
    /// Which server.
    pub(super) node: usize,
}

impl<'a> Spot<'a> {
    pub(super) fn of(key: &'a str, servers: &Servers) -> Self {
        let name = keys::name(key);
        Self { key, node: servers.owner(&name), name }
    }

    /// A request about this entry that carries so many bytes.
    pub(super) fn ask(&self, bytes: usize) -> Ask {
        Ask { node: self.node, bytes: HEADER + self.name.len() + bytes }
    }
}

/// What is under a key.
#[derive(Debug)]
pub(super) enum Look {
    /// An entry.
    Live(Entry),
    /// Something that is no entry any more, or never was: its number, and the manifest that it may be.
    Dead(u64, Option<Manifest>),
    /// Nothing.
    Absent,
}

/// An entry as it was found.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) content: Content,
    pub(super) cas: u64,
    pub(super) expires: Option<u64>,
    /// What the registry said when it was alive.
    pub(super) epoch: Epoch,
}

/// The value of an entry, or where it is.
#[derive(Debug)]
pub(super) enum Content {
    Whole(Vec<u8>),
    Spread(Manifest),
}

impl Look {
    /// What an answer shows, given the registry that came with it. Without a registry everything is dead.
    pub(super) fn at(key: &str, answer: Answer, registry: Option<&Arc<Registry>>) -> Self {
        if answer.status != Status::Done {
            return Self::Absent;
        }
        let cas = answer.cas;
        let Some(frame) = Frame::parse(answer.value) else { return Self::Dead(cas, None) };
        let is_live = !frame.has_expired(now_ms());
        let registry = registry.filter(|registry| is_live && !registry.kills(key, frame.epoch));
        let content = match frame.kind {
            Kind::Value => Some(Content::Whole(frame.payload)),
            Kind::Manifest => Manifest::parse(&frame.payload).map(Content::Spread),
        };
        match (registry, content) {
            (Some(registry), Some(content)) => {
                Self::Live(Entry { content, cas, expires: frame.expires, epoch: registry.epoch() })
            }
            (_, Some(Content::Spread(manifest))) => Self::Dead(cas, Some(manifest)),
            (_, _) => Self::Dead(cas, None),
        }
    }

    /// The manifest of parts that nobody needs once what is there is replaced or deleted.
    pub(super) fn into_manifest(self) -> Option<Manifest> {
        match self {
            Self::Live(Entry { content: Content::Spread(manifest), .. }) => Some(manifest),
            Self::Dead(_, manifest) => manifest,
            Self::Live(_) | Self::Absent => None,
        }
    }
}

/// What [`compare_and_set`](crate::Backend::compare_and_set) is to know an entry by: the number that the server gave it,
/// the epoch in which it was seen alive, and whether it is spread.
///
/// In the token the number has the lower 48 bits, enough for a million writes a second in nine years; a server with
/// greater numbers issues no tokens. Of the epoch there are 15 bits, which differ as long as a server is not cleared 32,768
/// times between a read and the write after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) cas: u64,
    pub(super) is_spread: bool,
    epoch: u64,
}

const CAS_BITS: u32 = 48;
const EPOCHS: u64 = 1 << 15;

impl Token {
    pub(super) fn of(entry: &Entry) -> Option<u64> {
        let is_spread = u64::from(matches!(entry.content, Content::Spread(_)));
        let fits = entry.cas >> CAS_BITS == 0;
        fits.then(|| entry.cas | ((low_bits(entry.epoch) | (is_spread * EPOCHS)) << CAS_BITS))
    }

    pub(super) fn read(token: u64) -> Self {
        let (cas, rest) = (token & ((1 << CAS_BITS) - 1), token >> CAS_BITS);
        Self { cas, is_spread: rest & EPOCHS != 0, epoch: rest % EPOCHS }
    }

    /// Whether the entry was seen in this epoch.
    pub(super) fn is_of(self, epoch: Epoch) -> bool {
        self.epoch == low_bits(epoch)
    }
}

fn low_bits(epoch: Epoch) -> u64 {
    epoch.id.wrapping_add(epoch.seq) % EPOCHS
}

/// A lifetime as a server takes it: 0 never, up to 30 days from now, otherwise since 1970. What is beyond that is left to
/// the frame.
pub(super) fn server_expiry(expiry: Expiry) -> u32 {
    const THIRTY_DAYS: u64 = 30 * 86_400;
    match expiry.seconds {
        None => 0,
        Some(seconds) if seconds <= THIRTY_DAYS => u32::try_from(seconds).unwrap_or(0),
        Some(seconds) => u32::try_from((now_ms() / 1000).saturating_add(seconds)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(cas: u64, seq: u64) -> Entry {
        let content = Content::Whole(Vec::new());
        Entry { content, cas, expires: None, epoch: Epoch { id: u64::MAX, seq } }
    }

    #[test]
    fn a_token_is_read_as_it_was_made() {
        let token = Token::read(Token::of(&entry(77, 5)).expect("a token"));
        assert_eq!((token.cas, token.is_spread), (77, false));
        assert!(token.is_of(Epoch { id: u64::MAX, seq: 5 }));
        for seq in [0, 4, 6, 1000, 32_767 + 5] {
            assert!(!token.is_of(Epoch { id: u64::MAX, seq }), "{seq}");
        }
        let mut spread = entry((1 << 48) - 1, 0);
        spread.content = Content::Spread(Manifest::of(b"value", 2));
        let token = Token::read(Token::of(&spread).expect("a token"));
        assert_eq!((token.cas, token.is_spread), ((1 << 48) - 1, true));
        assert_eq!(Token::of(&entry(1 << 48, 0)), None);
    }

    #[test]
    fn a_lifetime_of_more_than_thirty_days_is_a_date() {
        let of = |seconds| server_expiry(Expiry::of(Some(Duration::from_secs(seconds))));
        assert_eq!(server_expiry(Expiry::of(None)), 0);
        assert_eq!(of(0), 1);
        assert_eq!(of(60), 61);
        assert_eq!(of(30 * 86_400 - 1), 2_592_000);
        assert!(u64::from(of(30 * 86_400)) > now_ms() / 1000);
        assert_eq!(of(1 << 33), 0, "the frame still says when it ends");
    }

    #[test]
    fn what_is_no_live_frame_is_dead() {
        let registry = Arc::new(Registry::fresh());
        let answer = |value: &[u8]| Answer { status: Status::Done, cas: 3, value: value.to_vec() };
        let stored = Frame::header(Kind::Value, registry.epoch(), None);
        assert!(matches!(Look::at("k", answer(&stored), Some(&registry)), Look::Live(_)));
        assert!(matches!(Look::at("k", answer(&stored), None), Look::Dead(3, None)));
        assert!(matches!(
            Look::at("k", answer(&stored), Some(&Registry::fresh().into())),
            Look::Dead(3, None)
        ));
        assert!(matches!(Look::at("k", answer(b"foreign"), Some(&registry)), Look::Dead(3, None)));
        let expired = Frame::header(Kind::Value, registry.epoch(), Some(1));
        assert!(matches!(Look::at("k", answer(&expired), Some(&registry)), Look::Dead(3, None)));
        let no_manifest = Frame::header(Kind::Manifest, registry.epoch(), None);
        assert!(matches!(Look::at("k", answer(&no_manifest), Some(&registry)), Look::Dead(3, None)));
    }
}
