//! The default codec: compact, fast, and without names or types in the bytes.

use ::bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use ::bincode::serde::{encode_to_vec, seed_decode_from_slice};
use cachekit_backends::Result;
use serde::de::{DeserializeSeed, Deserializer, Error as _};

use super::{Codec, MAX_BYTES, erased_serde, failed};

/// Bincode 2: compact and fast, for types that always serialize in one shape.
///
/// The bytes carry neither names nor types, so it cannot read back `#[serde(flatten)]`, `#[serde(untagged)]` or a
/// struct that left fields out (`skip_serializing_if`). cachekit finds that out when such a value is stored, and says
/// so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bincode;

/// The limit guards against lengths that only the bytes claim.
const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_BYTES>> = standard().with_limit::<MAX_BYTES>();

impl Codec for Bincode {
    fn name(&self) -> &'static str {
        "bincode"
    }

    fn id(&self) -> u8 {
        0
    }

    fn carries_any_shape(&self) -> bool {
        false
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>> {
        encode_to_vec(value, CONFIG).map_err(|e| failed(self, "has no form for this value", e))
    }

    fn decode<'de>(
        &self,
        bytes: &'de [u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
    ) -> Result<()> {
        let ((), used) = seed_decode_from_slice(Read(read), bytes, CONFIG)
            .map_err(|e| failed(self, "cannot read these bytes as the type asked for", e))?;
        if used == bytes.len() {
            Ok(())
        } else {
            Err(failed(self, "cannot read these bytes as the type asked for", "bytes are left over"))
        }
    }
}

/// `read` as a seed: the one way of bincode to learn how many bytes were used.
struct Read<'a, 'de>(
    &'a mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
);

impl<'de> DeserializeSeed<'de> for Read<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        (self.0)(&mut <dyn erased_serde::Deserializer<'_>>::erase(deserializer)).map_err(D::Error::custom)
    }
}
