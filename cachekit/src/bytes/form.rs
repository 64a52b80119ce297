//! The form that a cache gives its entries: how they are compressed and sealed, and what it does not take for one.

use std::borrow::Cow;

use cachekit_backends::Result;

use super::envelope::{Envelope, Head, is_tombstone};
use super::pack::{Compression, Packed};
use super::refusal::{Counters, Reason, Refusals};
use super::seal::Seal;

/// How the entries of one cache become bytes and come back.
#[derive(Debug)]
pub(crate) struct Form {
    compression: Compression,
    seal: Seal,
    refusals: Counters,
}

impl Form {
    pub(crate) fn new(compression: Compression, seal: Seal) -> Self {
        Self { compression, seal, refusals: Counters::default() }
    }

    /// Whether nothing is an entry that is not sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.seal.is_on()
    }

    /// A payload as it goes into an envelope.
    pub(crate) fn pack<'a>(&self, payload: &'a [u8]) -> Packed<'a> {
        self.compression.pack(payload)
    }

    /// The entry of an envelope, for one key of the backend.
    pub(crate) fn write(&self, envelope: &Envelope<'_>, key: &str) -> Result<Vec<u8>> {
        let (packing, sealing) = (envelope.payload.packing, self.seal.sealing());
        let head = Head { packing, sealing, codec: envelope.codec }.write();
        self.seal.close(head, key, |out| envelope.write(out))
    }

    /// The envelope of the entry under a key of the backend.
    pub(crate) fn read<'a>(&self, bytes: &'a [u8], key: &str) -> Result<Envelope<'a>, Reason> {
        let head = Head::parse(bytes, key)?;
        match self.seal.open(head.sealing, bytes, key)? {
            Cow::Borrowed(body) => Envelope::parse(&head, body),
            Cow::Owned(body) => Envelope::parse(&head, &body).map(Envelope::into_owned),
        }
        .ok_or(Reason::Damaged)
    }

    /// The payload of an envelope, as it was before it was packed.
    pub(crate) fn unpack<'a>(&self, envelope: &'a Envelope<'_>) -> Result<Cow<'a, [u8]>, Reason> {
        self.compression.unpack(&envelope.payload)
    }

    /// Whether the bytes under a key may be a value: no tombstone and, where entries are sealed, nothing else.
    pub(crate) fn may_be_value(&self, bytes: &[u8], key: &str) -> bool {
        if self.is_sealed() { self.read(bytes, key).is_ok() } else { !is_tombstone(bytes, key) }
    }

    /// Counts and logs what was taken for a miss.
    pub(crate) fn refuse(&self, reason: Reason, whose: &str) {
        self.refusals.refuse(reason, whose);
    }

    pub(crate) fn refusals(&self) -> Refusals {
        self.refusals.snapshot()
    }
}
