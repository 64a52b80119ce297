//! The settings of what entries look like in the backend: compression and seal.

use cachekit_backends::{Error, ErrorKind, Result};

use super::Config;
use super::keys::Key;
use crate::bytes::pack::{Compression, Packing};
use crate::bytes::seal::keys::Keys;
use crate::bytes::seal::{Seal, Sealing};

pub(super) const KEYS: &[Key] = &[
    ("CACHE_COMPRESSION", |config, setting| {
        let packing = Packing::by_name(setting.text).map_err(|e| setting.explained(e))?;
        config.compression.packing = Some(packing);
        Ok(())
    }),
    ("CACHE_COMPRESSION_LIMIT", |config, setting| {
        let bytes = setting.number().filter(|bytes| *bytes > 0);
        config.compression.limit = Some(bytes.ok_or_else(|| setting.bad("a number of bytes, 1 or more"))?);
        Ok(())
    }),
    ("CACHE_COMPRESSION_THRESHOLD", |config, setting| {
        let bytes = setting.number().ok_or_else(|| setting.bad("a number of bytes"))?;
        config.compression.above = Some(bytes);
        Ok(())
    }),
    ("CACHE_SEAL", |config, setting| {
        let sealing = Sealing::by_name(setting.text).map_err(|e| setting.explained(e))?;
        config.sealing = Some(sealing);
        Ok(())
    }),
    ("CACHE_SEAL_KEYS", |config, setting| {
        let keys = Keys::parse(setting.text).map_err(|e| setting.explained(e))?;
        config.seal_keys = Some(keys);
        Ok(())
    }),
];

impl Config {
    /// Sets whether large values are compressed: `CACHE_COMPRESSION` (`none`, `lz4`, `zstd`),
    /// `CACHE_COMPRESSION_THRESHOLD`, `CACHE_COMPRESSION_LIMIT`.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.compression = compression.over(self.compression);
        self
    }

    /// Sets whether entries are authenticated or encrypted: `CACHE_SEAL` (`none`, `hmac`, `aead`) and
    /// `CACHE_SEAL_KEYS` (`id:hex,id:hex`, the first one seals).
    pub fn seal(mut self, seal: Seal) -> Self {
        let (sealing, keys) = seal.into_parts();
        (self.sealing, self.seal_keys) = (Some(sealing), Some(keys));
        self
    }

    /// Whether large values are compressed.
    pub fn get_compression(&self) -> Compression {
        self.compression
    }

    /// Whether entries are authenticated or encrypted, and by which keys.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if there are keys but nothing says what for, if there are none for the seal that
    /// is set, or if one is too short or too long for it.
    pub fn get_seal(&self) -> Result<Seal> {
        let bad = |message: &str| Err(Error::new(ErrorKind::Config, message));
        match (self.sealing, &self.seal_keys) {
            (None, None) | (Some(Sealing::None), _) => Ok(Seal::none()),
            (None, Some(_)) => bad("CACHE_SEAL_KEYS are set but CACHE_SEAL is not; write hmac, aead or none"),
            (Some(sealing), None) => bad(&format!(
                "CACHE_SEAL is {} and needs CACHE_SEAL_KEYS, written id:hex,id:hex; the first one seals",
                sealing.name()
            )),
            (Some(sealing), Some(keys)) => Seal::of(sealing, keys.clone()),
        }
    }
}
