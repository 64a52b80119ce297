//! Compression of payloads: chosen at a write, undone whatever was chosen, within a limit.

use std::borrow::Cow;

use cachekit_backends::{Error, ErrorKind, Result};

use super::refusal::Reason;
use crate::codec::MAX_BYTES;

/// Payloads up to this size are not compressed where nothing is set.
const ABOVE: usize = 1024;

/// How a payload is compressed, by its number in the flags of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None = 0,
    Lz4 = 1,
    Zstd = 2,
}

impl Packing {
    pub(crate) fn of_bits(bits: u8) -> Option<Self> {
        [Self::None, Self::Lz4, Self::Zstd].into_iter().find(|packing| *packing as u8 == bits)
    }

    /// The method of a name in configuration.
    pub(crate) fn by_name(name: &str) -> Result<Self> {
        let (packing, on) = match name {
            "none" => (Self::None, true),
            "lz4" => (Self::Lz4, cfg!(feature = "lz4")),
            "zstd" => (Self::Zstd, cfg!(feature = "zstd")),
            _ => {
                let message = format!("no compression is called {name:?}; known are none, lz4 and zstd");
                return Err(Error::new(ErrorKind::Config, message));
            }
        };
        if on {
            return Ok(packing);
        }
        Err(Error::new(
            ErrorKind::Config,
            format!("the compression {name} needs the feature `{name}` of cachekit"),
        ))
    }
}

/// Whether large values are compressed in the backend, and how large a compressed one may be.
///
/// Entries say how they were compressed, so every build with the feature reads them, whatever it is configured to
/// write, and the setting may be changed at any time. A value that does not shrink is stored as it is.
///
/// ```
/// use cachekit::{Cache, Compression};
///
/// # #[cfg(feature = "lz4")] {
/// let cache = Cache::builder().compress(Compression::lz4().above(2048)).build();
/// cache.set("page", &"<p>".repeat(10_000), 60)?;
/// assert_eq!(cache.get::<String>("page")?.map(|page| page.len()), Some(30_000));
/// assert!(cache.backend().get_many(&["page"])?[0].as_ref().is_some_and(|bytes| bytes.len() < 1_000));
/// # }
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Compression {
    pub(crate) packing: Option<Packing>,
    pub(crate) above: Option<usize>,
    pub(crate) limit: Option<usize>,
}

impl Compression {
    /// Values are stored as they are: the default.
    pub fn none() -> Self {
        Self { packing: Some(Packing::None), ..Self::default() }
    }

    /// LZ4: fast.
    #[cfg(feature = "lz4")]
    pub fn lz4() -> Self {
        Self { packing: Some(Packing::Lz4), ..Self::default() }
    }

    /// Zstandard at level 3: smaller.
    #[cfg(feature = "zstd")]
    pub fn zstd() -> Self {
        Self { packing: Some(Packing::Zstd), ..Self::default() }
    }

    /// Compresses only values whose encoded form is longer than so many bytes; 1024 by default.
    pub fn above(mut self, bytes: usize) -> Self {
        self.above = Some(bytes);
        self
    }

    /// The most bytes that a compressed value may have once it is decompressed: 64 MiB by default, and at most. A
    /// longer one is a miss, and is not compressed when it is stored.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// These settings, and of the earlier ones those that are not set here.
    pub(crate) fn over(self, earlier: Self) -> Self {
        Self {
            packing: self.packing.or(earlier.packing),
            above: self.above.or(earlier.above),
            limit: self.limit.or(earlier.limit),
        }
    }

    fn most(&self) -> usize {
        self.limit.unwrap_or(MAX_BYTES).min(MAX_BYTES)
    }

    /// The form in which a payload is stored.
    pub(crate) fn pack<'a>(&self, plain: &'a [u8]) -> Packed<'a> {
        let length = plain.len();
        if length > self.above.unwrap_or(ABOVE) && length <= self.most() {
            let packing = self.packing.unwrap_or(Packing::None);
            let packed = match packing {
                Packing::None => None,
                Packing::Lz4 => lz4::pack(plain),
                Packing::Zstd => zstd::pack(plain),
            };
            if let Some(bytes) = packed.filter(|bytes| bytes.len() < length) {
                return Packed { packing, length, bytes: bytes.into() };
            }
        }
        Packed { packing: Packing::None, length, bytes: plain.into() }
    }

    /// The payload, which takes memory only as far as there are bytes for it.
    pub(crate) fn unpack<'a>(&self, packed: &'a Packed<'_>) -> Result<Cow<'a, [u8]>, Reason> {
        let Packed { packing, length, ref bytes } = *packed;
        if packing == Packing::None {
            return if bytes.len() == length { Ok(Cow::Borrowed(bytes)) } else { Err(Reason::Damaged) };
        }
        if length > self.most() {
            return Err(Reason::TooLarge);
        }
        let plain =
            if packing == Packing::Lz4 { lz4::unpack(bytes, length) } else { zstd::unpack(bytes, length) };
        plain.map(Cow::Owned)
    }
}

/// A payload as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Packed<'a> {
    pub(crate) packing: Packing,
    /// What it says it is once decompressed.
    pub(crate) length: usize,
    pub(crate) bytes: Cow<'a, [u8]>,
}

#[cfg(feature = "lz4")]
mod lz4 {
    use super::Reason;

    /// What one byte of the format can stand for at most.
    const RATIO: usize = 255;

    #[allow(clippy::unnecessary_wraps, reason = "as its twin, which may fail")]
    pub(super) fn pack(plain: &[u8]) -> Option<Vec<u8>> {
        Some(lz4_flex::block::compress(plain))
    }

    pub(super) fn unpack(bytes: &[u8], length: usize) -> Result<Vec<u8>, Reason> {
        if length > bytes.len().saturating_mul(RATIO) {
            return Err(Reason::Damaged);
        }
        let mut plain = vec![0; length];
        match lz4_flex::block::decompress_into(bytes, &mut plain) {
            Ok(written) if written == length => Ok(plain),
            _ => Err(Reason::Damaged),
        }
    }
}

#[cfg(feature = "zstd")]
mod zstd {
    use std::io::Read as _;

    use ::zstd::stream::read::Decoder;

    use super::Reason;

    const LEVEL: i32 = 3;
    /// The window that a decoder may be asked to keep, 8 MiB: what all levels up to 19 get along with.
    const WINDOW_LOG: u32 = 23;
    /// What is reserved on the word of a length.
    const FIRST: usize = 64 << 10;

    pub(super) fn pack(plain: &[u8]) -> Option<Vec<u8>> {
        ::zstd::bulk::compress(plain, LEVEL).ok()
    }

    pub(super) fn unpack(bytes: &[u8], length: usize) -> Result<Vec<u8>, Reason> {
        read(bytes, length).ok().flatten().ok_or(Reason::Damaged)
    }

    /// What the bytes decompress to, if that is so long and nothing follows it.
    fn read(bytes: &[u8], length: usize) -> std::io::Result<Option<Vec<u8>>> {
        let mut decoder = Decoder::with_buffer(bytes)?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        let mut plain = Vec::with_capacity(length.min(FIRST));
        // One byte more than there should be: it would show, and the end of the frame is reached.
        decoder.by_ref().take(length as u64 + 1).read_to_end(&mut plain)?;
        Ok(Some(plain).filter(|plain| plain.len() == length && decoder.finish().is_empty()))
    }
}

/// A method that is not compiled in: never configured, and unreadable.
#[cfg(not(all(feature = "lz4", feature = "zstd")))]
mod absent {
    use super::Reason;

    pub(super) fn pack(_: &[u8]) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn unpack(_: &[u8], _: usize) -> Result<Vec<u8>, Reason> {
        Err(Reason::Unsupported)
    }
}

#[cfg(not(feature = "lz4"))]
use absent as lz4;
#[cfg(not(feature = "zstd"))]
use absent as zstd;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_is_compiled_in_can_be_named_and_undone() {
        for (name, packing, on) in
            [("lz4", Packing::Lz4, cfg!(feature = "lz4")), ("zstd", Packing::Zstd, cfg!(feature = "zstd"))]
        {
            let compression = Compression { packing: Some(packing), ..Compression::default() };
            let plain = [7; 5000];
            let packed = compression.pack(&plain);
            assert_eq!(packed.packing, if on { packing } else { Packing::None });
            assert_eq!(*compression.unpack(&packed).unwrap(), plain);
            assert_eq!(Packing::by_name(name).is_ok(), on);
        }
    }

    #[test]
    fn a_method_that_is_not_compiled_in_is_a_reason() {
        let of = |packing| Packed { packing, length: 5, bytes: Cow::Borrowed(b"12345") };
        for (name, packing, on) in
            [("lz4", Packing::Lz4, cfg!(feature = "lz4")), ("zstd", Packing::Zstd, cfg!(feature = "zstd"))]
        {
            let reason = Compression::none().unpack(&of(packing)).unwrap_err();
            assert_eq!(reason, if on { Reason::Damaged } else { Reason::Unsupported });
            if !on {
                let error = Packing::by_name(name).unwrap_err().to_string();
                assert!(error.contains(&format!("needs the feature `{name}`")), "{error}");
            }
        }
        assert!(Compression::none().unpack(&of(Packing::None)).is_ok());
    }
}
