//! MessagePack: compact bytes that say what they contain.

use cachekit_backends::Result;
use rmp_serde::{Deserializer, Serializer};

use super::{Codec, erased_serde, failed};

/// MessagePack: compact, and for types of any shape. Structs are maps from field names to values.
///
/// MessagePack cannot tell `Some(None)` and `Some(())` from `None`: such a value is refused when it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

impl Codec for MessagePack {
    fn name(&self) -> &'static str {
        "msgpack"
    }

    fn id(&self) -> u8 {
        2
    }

    fn carries_any_shape(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // Structs as arrays, the default, would lose fields behind one that was left out.
        match serde::Serialize::serialize(value, &mut Serializer::new(&mut bytes).with_struct_map()) {
            Ok(()) => Ok(bytes),
            Err(e) => Err(failed(self, "has no form for this value", e)),
        }
    }

    fn decode<'de>(
        &self,
        bytes: &'de [u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
    ) -> Result<()> {
        let mut msgpack = Deserializer::new(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut msgpack))
            .map_err(|e| failed(self, "cannot read these bytes as the type asked for", e))?;
        if msgpack.get_ref().is_empty() {
            Ok(())
        } else {
            Err(failed(self, "cannot read these bytes as the type asked for", "bytes are left over"))
        }
    }
}
