//! What all calls of one instantiation of a function have in common in a backend, worked out once.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use cachekit_backends::OwnedKey;

use super::envelope::SecondDigest;
use crate::cache::Core;
use crate::key::digest::HashMethod;
use crate::key::names;
use crate::site::{Site, Types};
use crate::values::Values;

/// An instantiation of a function as one cache names it.
pub(crate) struct Function {
    /// The readable part of its keys.
    pub(crate) name: Cow<'static, str>,
    /// The backend's name for its stamp.
    pub(crate) stamp: String,
    has_stamp: AtomicBool,
    method: HashMethod,
    /// What is digested before the arguments.
    head: Vec<u8>,
    second: SecondDigest,
    /// The fingerprint of the type of its values.
    shape: OnceLock<(TypeId, u64)>,
}

impl Function {
    pub(crate) fn new(core: &Core, site: &'static Site, types: Types) -> Self {
        let source = names::source(core, site);
        let parts = [site.name().as_bytes(), types.name().as_bytes()];
        let lengths = parts.map(|part| (part.len() as u64).to_le_bytes());
        let head: [&[u8]; 5] = [&lengths[0], parts[0], &lengths[1], parts[1], &source];
        let mut second = SecondDigest::default();
        parts.into_iter().chain([&*source]).for_each(|part| second.feed(part));
        let name = names::function(site);
        Self {
            stamp: names::function_stamp(core, &name),
            name,
            has_stamp: AtomicBool::new(false),
            method: site.options.hash_method.unwrap_or(core.hash_method),
            head: head.concat(),
            second,
            shape: OnceLock::new(),
        }
    }

    /// The text of a call: the name and a digest of what was fed.
    pub(crate) fn text(&self, key: &OwnedKey) -> String {
        [&*self.name, &(self.method)(&[&self.head, key.as_bytes()])].join(":")
    }

    /// A second digest of the same, for the envelope.
    pub(crate) fn second(&self, key: &OwnedKey) -> u128 {
        let mut digest = self.second.clone();
        digest.feed(key.as_bytes());
        digest.finish()
    }

    /// Whether the stamp was there when it was last looked for.
    pub(crate) fn has_stamp(&self) -> bool {
        self.has_stamp.load(Ordering::Relaxed)
    }

    /// Notes whether the stamp was there.
    pub(crate) fn note_stamp(&self, is_there: bool) {
        // Nearly always it says so already: nothing is written to what other threads read.
        if self.has_stamp() != is_there {
            self.has_stamp.store(is_there, Ordering::Relaxed);
        }
    }

    /// The fingerprint of the type of values, remembered for the one that is asked for first.
    pub(crate) fn shape(&self, values: &Values) -> u64 {
        match self.shape.get_or_init(|| (values.id, (values.shape)())) {
            (of, shape) if *of == values.id => *shape,
            _ => (values.shape)(),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}
