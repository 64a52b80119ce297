//! What an invalidation is about, and whether it concerns what somebody asks for.

use std::borrow::Cow;
use std::collections::HashMap;

use cachekit_backends::OwnedKey;

use crate::cache::Core;
use crate::key::{Tags, names};
use crate::site::{Site, Types};

/// What is to be forgotten, by the names that a cache has for it. Equal ones are forgotten by the same act.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// Everything.
    All,
    /// The calls of a function.
    Function(Cow<'static, str>),
    /// The calls of one instance of a function.
    Instance(Cow<'static, str>, u128),
    /// What is under a key; that of a call too.
    Key(String),
    /// What has a tag.
    Tag(String),
}

impl Subject {
    /// The function that it names.
    fn function(&self) -> Option<&str> {
        match self {
            Self::All | Self::Tag(_) => None,
            Self::Function(name) | Self::Instance(name, _) => Some(name),
            Self::Key(text) => function_of(text),
        }
    }

    /// The whole function of which this is a part.
    pub(crate) fn whole(&self) -> Option<Self> {
        match self {
            Self::Instance(name, _) => Some(Self::Function(name.clone())),
            Self::Key(text) => function_of(text).map(|name| Self::Function(name.to_owned().into())),
            Self::All | Self::Function(_) | Self::Tag(_) => None,
        }
    }

    /// Whether forgetting this forgets the other.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match self {
            Self::All => true,
            Self::Function(name) => other.function() == Some(name),
            _ => self == other,
        }
    }
}

/// The function that the key of a call names.
fn function_of(text: &str) -> Option<&str> {
    text.rsplit_once(':').filter(|_| names::is_of_call(text)).map(|(function, _)| function)
}

/// What somebody asks for: all subjects under which it may have been forgotten.
#[derive(Debug)]
pub(crate) struct Concern {
    subjects: Vec<Subject>,
    /// A function, of any of whose instances it may be.
    any_instance_of: Option<String>,
    /// Whether it may have tags that are not among the subjects.
    any_tag: bool,
}

impl Concern {
    /// A call. `text` is the text of its key, where that is not made from arguments.
    pub(crate) fn of_call(
        core: &Core,
        site: &'static Site,
        types: Types,
        key: &OwnedKey,
        instance: Option<&OwnedKey>,
        text: Option<&str>,
        tags: &Tags,
    ) -> Self {
        let function = core.known.function(core, site, types);
        let text = text.map_or_else(|| function.text(key), str::to_owned);
        let mut subjects = vec![Subject::All, Subject::Key(text), Subject::Function(function.name.clone())];
        if let Some(instance) = instance {
            let instance = names::instance(core, site, instance);
            subjects.push(Subject::Instance(function.name.clone(), instance));
        }
        subjects.extend(tags.names().iter().cloned().map(Subject::Tag));
        Self { subjects, any_instance_of: None, any_tag: site.options.value_tags }
    }

    /// What is under a key.
    pub(crate) fn of_key(key: &str) -> Self {
        let mut subjects = vec![Subject::All, Subject::Key(key.to_owned())];
        let function = function_of(key).map(str::to_owned);
        subjects.extend(function.clone().map(|name| Subject::Function(name.into())));
        let any_tag = function.is_some();
        Self { subjects, any_instance_of: function, any_tag }
    }

    /// Whether one of these is about it.
    pub(crate) fn is_in<V>(&self, invalidated: &HashMap<Subject, V>) -> bool {
        self.subjects.iter().any(|subject| invalidated.contains_key(subject))
            || self.any_instance_of.as_ref().is_some_and(|function| {
                invalidated
                    .keys()
                    .any(|subject| matches!(subject, Subject::Instance(name, _) if name == function))
            })
            || (self.any_tag && invalidated.keys().any(|subject| matches!(subject, Subject::Tag(_))))
    }

    /// Those of these that are about it.
    pub(crate) fn found_in<'a, V>(
        &'a self,
        invalidated: &'a HashMap<Subject, V>,
    ) -> impl Iterator<Item = (&'a Subject, &'a V)> {
        invalidated.iter().filter(|(subject, _)| {
            self.subjects.contains(subject)
                || matches!((subject, &self.any_instance_of), (Subject::Instance(name, _), Some(of)) if name == of)
                || (self.any_tag && matches!(subject, Subject::Tag(_)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: &str) -> String {
        format!("{function}:{}", "0".repeat(32))
    }

    fn set(subjects: impl IntoIterator<Item = Subject>) -> HashMap<Subject, bool> {
        subjects.into_iter().map(|subject| (subject, true)).collect()
    }

    #[test]
    fn a_key_is_concerned_by_its_function_and_by_everything() {
        let concern = Concern::of_key(&call("a::f"));
        let concerned = [
            Subject::All,
            Subject::Function("a::f".into()),
            Subject::Instance("a::f".into(), 7),
            Subject::Key(call("a::f")),
        ];
        for subject in concerned {
            assert!(concern.is_in(&set([subject.clone()])), "{subject:?}");
            assert_eq!(concern.found_in(&set([subject])).count(), 1);
        }
        let others = [
            Subject::Function("a::g".into()),
            Subject::Instance("a::g".into(), 7),
            Subject::Key("a::f".to_owned()),
        ];
        assert!(!concern.is_in(&set(others)));
    }

    #[test]
    fn a_function_covers_its_calls_and_instances() {
        let function = Subject::Function("f".into());
        for covered in [function.clone(), Subject::Instance("f".into(), 1), Subject::Key(call("f"))] {
            assert!(function.covers(&covered) && Subject::All.covers(&covered), "{covered:?}");
        }
        for other in [Subject::All, Subject::Key("f:list".to_owned()), Subject::Key(call("g"))] {
            assert!(!function.covers(&other), "{other:?}");
        }
    }
}
