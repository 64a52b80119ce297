//! The values of a cache as entries of its backend, and back.

use std::time::Duration;

use cachekit_backends::{Result, State, Timeout};

use super::Cache;
use super::operations::{Loadable, Storable, refs};
use crate::bytes;
use crate::bytes::envelope::{self, Envelope, INTEGER};
use crate::bytes::refusal::Reason;
use crate::codec;
use crate::io::Flavour;
use crate::key::names;

impl Cache {
    /// The bytes of a value: integers as text, so that the backend can count, unless they are sealed; all else in an
    /// envelope. What is set under the key of a memoized call is forgotten with its function, so it carries its stamp.
    pub(super) async fn bytes<V: Storable + ?Sized>(
        &self,
        flavour: Flavour,
        key: &str,
        value: &V,
        timeout: Timeout,
    ) -> Result<Vec<u8>> {
        let function = key.rsplit_once(':').filter(|_| names::is_of_call(key)).map(|(function, _)| function);
        let form = &self.core.form;
        let integer = value.integer().filter(|_| function.is_none()).map(|integer| integer.to_string());
        if let Some(integer) = &integer
            && !form.is_sealed()
        {
            return Ok(integer.clone().into_bytes());
        }
        let mut stamps = Vec::new();
        if let Some(function) = function
            && !self.core.capability.in_process
        {
            let name = names::function_stamp(&self.core, function);
            stamps.push(bytes::function_stamp(self.io(flavour), &name).await?);
        }
        let codec = &*self.core.codec;
        let (codec, shape, payload) = match integer {
            // Any type of integer reads what any other stored, as from an open cache.
            Some(integer) => (INTEGER, 0, integer.into_bytes()),
            None => (codec.id(), V::shape(), value.encode_with(codec)?),
        };
        let envelope = Envelope {
            codec,
            born: self.core.clock.wall(),
            lifetimes: self.lifetime(timeout).into(),
            touched: Duration::ZERO,
            put_off: Duration::ZERO,
            shape,
            second: 0,
            instance: 0,
            stamps,
            owner: "".into(),
            tags: Vec::new(),
            payload: form.pack(&payload),
        };
        form.write(&envelope, &self.name(key))
    }

    /// The value that bytes are, if they are one of this type and were not invalidated.
    pub(super) async fn value<T: Loadable>(
        &self,
        flavour: Flavour,
        key: &str,
        bytes: &[u8],
    ) -> Result<Option<T>> {
        let (codec, form) = (&*self.core.codec, &self.core.form);
        let refuse = |reason| form.refuse(reason, key);
        let envelope = match form.read(bytes, &self.name(key)) {
            Ok(envelope) => envelope,
            Err(reason) => {
                let may_be_integer = reason == Reason::Foreign && !form.is_sealed();
                let integer = if may_be_integer { envelope::integer(bytes) } else { None };
                if integer.is_none() {
                    refuse(reason);
                }
                return Ok(integer.and_then(codec::from_integer));
            }
        };
        let is_integer = envelope.codec == INTEGER;
        let is_value = envelope.codec == codec.id() && envelope.shape == envelope::shape_of::<T>();
        if !is_value && !is_integer {
            refuse(Reason::OtherType);
            return Ok(None);
        }
        // What is only better than an error is for those who met one.
        let age = bytes::age(&self.core, &self.name(key), &envelope);
        let is_served = age.is_some_and(|age| age.state() != State::Grace);
        if !is_served || !self.is_stamped(flavour, key, &envelope).await? {
            return Ok(None);
        }
        let Ok(payload) = form.unpack(&envelope).map_err(refuse) else { return Ok(None) };
        if is_integer {
            return Ok(envelope::integer(&payload).and_then(codec::from_integer));
        }
        Ok(codec::decode(codec, &payload).map_err(|_| refuse(Reason::OtherType)).ok())
    }

    /// Whether the stamps of a memoized call's entry are the current ones. Its function's name is in its key, or in it.
    async fn is_stamped(&self, flavour: Flavour, key: &str, envelope: &Envelope<'_>) -> Result<bool> {
        if envelope.stamps.is_empty() {
            return Ok(true);
        }
        let in_key = key.rsplit_once(':').map_or("", |(function, _)| function);
        let function = if envelope.owner.is_empty() { in_key } else { &*envelope.owner };
        let Some(own) = envelope.stamps.len().checked_sub(envelope.tags.len()) else { return Ok(false) };
        let mut names = Vec::with_capacity(envelope.stamps.len());
        if own > 0 {
            names.push(names::function_stamp(&self.core, function));
        }
        if own > 1 {
            names.push(names::instance_stamp(&self.core, function, envelope.instance));
        }
        names.extend(envelope.tags.iter().map(|tag| names::tag_stamp(&self.core, tag)));
        let found = self.io(flavour).get_many(&refs(&names)).await?;
        let current: Vec<_> = found.iter().filter_map(|bytes| bytes::stamp(bytes.as_deref()?)).collect();
        Ok(current == envelope.stamps)
    }
}
