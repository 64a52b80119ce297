//! How values become bytes: the [`Codec`] trait and the codecs that come with cachekit.
//!
//! A codec is chosen per cache, by `CACHE_SERIALIZER` or [`Config::codec`](crate::Config::codec). The runtime never
//! calls one directly: [`encode`] checks that what was encoded can be decoded again, and [`decode`] keeps hostile bytes
//! from exhausting the stack, the memory or the patience of the caller, whatever the codec does.

mod bincode;
mod carry;
mod guard;
mod integer;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "msgpack")]
mod msgpack;
mod survey;

use std::fmt::Debug;
use std::sync::Arc;

use cachekit_backends::{Error, ErrorKind, Result};

pub use self::bincode::Bincode;
#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "msgpack")]
pub use self::msgpack::MessagePack;
/// Serde with its generics erased, for those who write a [`Codec`].
pub use ::erased_serde;

pub(crate) use self::carry::{decode, encode};
pub(crate) use self::integer::{from_integer, integer_of};

/// The most bytes that one value may take: 64 MiB.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// A way to turn values into bytes and back.
///
/// The types of [`erased_serde`] are re-exported as `cachekit::erased_serde`. A codec over a serde format is two
/// lines:
///
/// ```
/// use cachekit::{Codec, Error, ErrorKind, erased_serde};
///
/// #[derive(Debug)]
/// struct PlainJson;
///
/// impl Codec for PlainJson {
///     fn name(&self) -> &'static str {
///         "plain-json"
///     }
///     fn id(&self) -> u8 {
///         128
///     }
///     fn carries_any_shape(&self) -> bool {
///         true
///     }
///     fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Error> {
///         serde_json::to_vec(value).map_err(|e| Error::new(ErrorKind::Codec, "no JSON for this").with_source(e))
///     }
///     fn decode<'de>(
///         &self,
///         bytes: &'de [u8],
///         read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
///     ) -> Result<(), Error> {
///         let mut json = serde_json::Deserializer::from_slice(bytes);
///         read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))
///             .map_err(|e| Error::new(ErrorKind::Codec, "not the JSON of this type").with_source(e))?;
///         json.end().map_err(|e| Error::new(ErrorKind::Codec, "bytes after the value").with_source(e))
///     }
/// }
/// ```
pub trait Codec: Debug + Send + Sync + 'static {
    /// The name in configuration and in errors, such as `"bincode"`.
    fn name(&self) -> &'static str;

    /// What stored entries remember the codec by: `0..=127` are cachekit's, `128..=255` are free. Two codecs of one
    /// program must differ.
    fn id(&self) -> u8;

    /// Whether the bytes say what they contain, field names included, so that a value may leave out fields
    /// (`skip_serializing_if`). A value that does so is checked at every store where this is false.
    fn carries_any_shape(&self) -> bool;

    /// The bytes of a value.
    ///
    /// # Errors
    ///
    /// [`Codec`](ErrorKind::Codec) when the format has no form for this value.
    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>>;

    /// Hands `read` a deserializer over the bytes, once, and sees to it that nothing is left over.
    ///
    /// # Errors
    ///
    /// [`Codec`](ErrorKind::Codec) when the bytes are damaged, are of another type or go on after the value; never a
    /// panic, and never memory for a length that only the bytes claim.
    fn decode<'de>(
        &self,
        bytes: &'de [u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
    ) -> Result<()>;
}

/// The codec of a name in configuration.
pub(crate) fn by_name(name: &str) -> Result<Arc<dyn Codec>> {
    match name {
        "bincode" => Ok(Arc::new(Bincode)),
        #[cfg(feature = "json")]
        "json" => Ok(Arc::new(Json)),
        #[cfg(feature = "msgpack")]
        "msgpack" => Ok(Arc::new(MessagePack)),
        #[cfg(not(feature = "json"))]
        "json" => Err(feature_off(name)),
        #[cfg(not(feature = "msgpack"))]
        "msgpack" => Err(feature_off(name)),
        _ => Err(Error::new(
            ErrorKind::Config,
            format!(
                "no codec is called {name:?}; known are bincode, json (feature `json`), msgpack (feature `msgpack`)"
            ),
        )),
    }
}

#[cfg(not(all(feature = "json", feature = "msgpack")))]
fn feature_off(name: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the codec {name} needs the feature `{name}` of cachekit"))
}

/// An error of a codec with what its library said.
fn failed(
    codec: &dyn Codec,
    what: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(ErrorKind::Codec, format!("{} {what}", codec.name())).with_source(source)
}
