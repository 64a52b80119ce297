//! JSON: readable by people and by other programs.

use cachekit_backends::Result;

use super::{Codec, erased_serde, failed};

/// JSON: readable by people and by other programs, and for types of any shape.
///
/// JSON has no form for maps whose keys are neither text nor plain values, and cannot tell `Some(None)` and `Some(())`
/// from `None`, or NaN from `null`: such a value is refused when it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Codec for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn id(&self) -> u8 {
        1
    }

    fn carries_any_shape(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>> {
        serde_json::to_vec(value).map_err(|e| failed(self, "has no form for this value", e))
    }

    fn decode<'de>(
        &self,
        bytes: &'de [u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
    ) -> Result<()> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))
            .map_err(|e| failed(self, "cannot read these bytes as the type asked for", e))?;
        json.end().map_err(|e| failed(self, "cannot read these bytes as the type asked for", e))
    }
}
