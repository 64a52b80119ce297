//! What identifies a stored response: where it is, and, if it varies, for which request fields.

use std::hash::{Hash, Hasher};

use cachekit_backends::{KeyStream, OwnedKey};

use crate::key::CallKey;

/// The key of a stored response, or of what is known of a path and query before any variant. Its instance is the path:
/// forgetting that forgets every host, query and variant of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageKey {
    pub(crate) path: String,
    /// In lower case; empty where hosts do not count.
    pub(crate) host: String,
    /// Sorted.
    pub(crate) query: String,
    /// The values that the response varies by, behind the stamp of the list of their names.
    pub(crate) variant: Option<(u64, String)>,
}

impl PageKey {
    /// What a path is, as an instance.
    pub(crate) fn path(path: &str) -> Path<'_> {
        Path(path)
    }

    pub(crate) fn with_variant(&self, stamp: u64, values: String) -> Self {
        Self { variant: Some((stamp, values)), ..self.clone() }
    }
}

impl KeyStream for PageKey {
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.path.hash(sink);
        self.host.hash(sink);
        self.query.hash(sink);
        self.variant.hash(sink);
    }
}

impl CallKey for PageKey {
    fn instance(&self) -> Option<OwnedKey> {
        Some(OwnedKey::of(&Path(&self.path)))
    }
}

/// The path alone.
#[derive(Debug)]
pub(crate) struct Path<'a>(&'a str);

impl KeyStream for Path<'_> {
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.hash(sink);
    }
}
