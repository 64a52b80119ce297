//! What a call and its stamps are called in a backend.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::OwnedKey;

use super::function::Function;
use super::known::Known;
use super::stamp_lifetime;
use crate::cache::Core;
use crate::key::{Tags, names};
use crate::store::Store;

/// The backend's names for what belongs to one call.
#[derive(Debug)]
pub(crate) struct Names {
    pub(super) value: String,
    pub(super) function: Arc<Function>,
    /// Whether the function's stamp is asked for: not for `#[cached]`.
    pub(super) is_stamped: bool,
    /// The instance's stamp.
    pub(super) instance_stamp: Option<String>,
    pub(super) instance: u128,
    /// The tags, and their stamps.
    pub(super) tags: Vec<String>,
    pub(super) tag_stamps: Vec<String>,
    /// The stamp that changes before that of any tag, where values decide on tags.
    pub(super) any_tag: Option<String>,
    pub(super) second: u128,
    /// The key is a text of the user's that does not name the function.
    pub(super) is_owned: bool,
}

/// What a stamp is of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StampOf {
    Function,
    Instance,
    /// The tag at this place.
    Tag(usize),
}

impl Names {
    /// The backend's name for the value.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// The stamp of the function, then that of the instance, neither for `#[cached]`; then those of the tags.
    pub(super) fn stamps(&self) -> impl Iterator<Item = &str> {
        self.stamps_by_what_they_are_of().map(|(_, name)| name)
    }

    /// The tags that are known before the value.
    pub(crate) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The stamps, with what each is of.
    pub(crate) fn stamps_by_what_they_are_of(&self) -> impl Iterator<Item = (StampOf, &str)> {
        let own = self.is_stamped.then_some((StampOf::Function, &*self.function.stamp)).into_iter();
        let instance = self.instance_stamp.as_deref().map(|name| (StampOf::Instance, name));
        let tags = self.tag_stamps.iter().enumerate().map(|(place, name)| (StampOf::Tag(place), &**name));
        own.chain(instance).chain(tags)
    }

    /// The lease's.
    pub(crate) fn lease(&self) -> String {
        format!("{}:lease", self.value)
    }

    /// All names, that of the value first: one multi-get.
    pub(super) fn all(&self) -> Vec<&str> {
        let mut all = Vec::with_capacity(3);
        all.push(&*self.value);
        all.extend(self.stamps());
        all
    }

    /// The function, where the key does not name it.
    pub(super) fn owner(&self) -> &str {
        if self.is_owned { &self.function.name } else { "" }
    }
}

impl Names {
    /// The names for a call with this key and text.
    pub(crate) fn new(
        store: &Store,
        key: &OwnedKey,
        text: &str,
        instance: Option<&OwnedKey>,
        tags: &Tags,
    ) -> Self {
        let (core, site, types) = (&store.core, store.site, store.types);
        let function = core.known.function(core, site, types);
        let instance = instance.map_or(0, |instance| names::instance(core, site, instance));
        let is_stamped = !site.options.by_request;
        let has_instance = is_stamped && instance != 0;
        Self {
            value: core.backend_key(&names::fit_text(text)),
            is_stamped,
            instance_stamp: has_instance.then(|| names::instance_stamp(core, &function.name, instance)),
            instance,
            tags: tags.names().to_vec(),
            tag_stamps: tags.names().iter().map(|tag| names::tag_stamp(core, tag)).collect(),
            any_tag: site.options.value_tags.then(|| names::any_tag_stamp(core)),
            // A `#[cached]` key is shared by all who name it.
            second: if is_stamped { function.second(key) } else { 0 },
            is_owned: is_stamped && !names::is_of(text, &function.name),
            function,
        }
    }

    /// The names for another call of the same function and instance, with the same tags.
    pub(crate) fn of_another(&self, core: &Core, key: &OwnedKey) -> Self {
        let function = &self.function;
        Self {
            value: core.backend_key(&names::fit_text(&function.text(key))),
            instance_stamp: self.instance_stamp.clone(),
            second: function.second(key),
            function: Arc::clone(function),
            tags: self.tags.clone(),
            tag_stamps: self.tag_stamps.clone(),
            any_tag: None,
            ..*self
        }
    }

    /// How long the stamp at this place lives: that of a function for ever.
    pub(super) fn lifetime_of_stamp(&self, place: usize, entries: Option<Duration>) -> Option<Duration> {
        if self.is_of_function(place) { None } else { stamp_lifetime(entries) }
    }

    /// Whether users may write under the key without knowing of stamps: a text of their own.
    pub(super) fn is_open(&self) -> bool {
        !self.is_stamped || self.is_owned
    }

    /// Whether the stamp at this place of [`stamps`](Self::stamps) is that of the function.
    pub(super) fn is_of_function(&self, place: usize) -> bool {
        self.is_stamped && place == 0
    }

    /// Whether the backend is known to have the stamp at this place of [`stamps`](Self::stamps).
    pub(super) fn is_known(&self, known: &Known, place: usize, name: &str) -> bool {
        if self.is_of_function(place) { self.function.has_stamp() } else { known.has(name) }
    }

    /// Notes whether it has.
    pub(super) fn note(&self, known: &Known, place: usize, name: &str, is_there: bool) {
        if self.is_of_function(place) {
            self.function.note_stamp(is_there);
        } else {
            known.note(name, is_there);
        }
    }
}
