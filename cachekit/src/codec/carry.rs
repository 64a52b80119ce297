//! Encoding and decoding with a promise: what a codec cannot carry is found when it is stored, never served wrong.
//!
//! The first value of each type is decoded again after it was encoded, and the two are compared by [`Survey`], which
//! does not mind the order of sets and maps. So are, at every store, values of the few shapes that codecs are known to
//! lose (see [`doubtful`]). The verdict is about the *value*: an unlucky first value does not ban its type. Only a type
//! of which [`PATIENCE`] values failed and none passed is turned away without a look, and even then one in
//! [`RETRY`] is tried.

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use cachekit_backends::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::guard::{Guard, SPARE_ELEMENTS, Watch};
use super::survey::{Refusal, Survey};
use super::{Codec, MAX_BYTES, erased_serde, failed};

/// How many values of a type must fail, with none passing, before the others are no longer tried.
const PATIENCE: u32 = 4;

/// One in this many values of a type that never worked is tried again.
const RETRY: u32 = 64;

/// What is known about one type under one codec.
#[derive(Default)]
struct Record {
    proven: bool,
    failures: u32,
    reported: bool,
    reason: String,
}

static RECORDS: RwLock<BTreeMap<(TypeId, u8), Record>> = RwLock::new(BTreeMap::new());

/// The bytes of a value, which are known to decode to the same value.
///
/// # Errors
///
/// [`Codec`](ErrorKind::Codec), naming the type and the remedy, when the codec cannot carry the value. The first such
/// error of a type is logged.
pub(crate) fn encode<T: Serialize + DeserializeOwned>(codec: &dyn Codec, value: &T) -> Result<Vec<u8>> {
    let trial = Trial {
        codec,
        id: (typeid::of::<T>(), codec.id()),
        name: type_name::<T>(),
        value: &value,
        survey: &|| Survey::of(value),
        again: &|bytes| Ok(Survey::of(&read::<T>(codec, bytes)?)),
    };
    trial.encode()
}

/// The value that bytes encode, whatever the bytes are: an error at worst.
///
/// # Errors
///
/// [`Codec`](ErrorKind::Codec) when the bytes are not a value of this type.
pub(crate) fn decode<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> Result<T> {
    let read = read(codec, bytes);
    if read.is_err() {
        // Damaged bytes, most likely. But if this type has values that its codec cannot carry, the next one that is
        // stored should say so, instead of being a miss forever.
        disprove((typeid::of::<T>(), codec.id()));
    }
    read
}

fn disprove(id: (TypeId, u8)) {
    write(|records| {
        if let Some(record) = records.get_mut(&id) {
            record.proven = false;
        }
    });
}

/// A value that is to be encoded, its type forgotten: all but what a type does itself is compiled once.
struct Trial<'a> {
    codec: &'a dyn Codec,
    id: (TypeId, u8),
    /// What its type is called.
    name: &'static str,
    value: &'a dyn erased_serde::Serialize,
    survey: &'a dyn Fn() -> Surveyed,
    /// A survey of what bytes decode to.
    again: &'a dyn Fn(&[u8]) -> Result<Surveyed>,
}

type Surveyed = Result<Survey, Refusal>;

enum Standing {
    Proven,
    Unproven,
    Hopeless(String),
}

impl Trial<'_> {
    fn encode(self) -> Result<Vec<u8>> {
        let (codec, id, name) = (self.codec, self.id, self.name);
        let proven = match self.standing() {
            Standing::Proven => true,
            Standing::Unproven => false,
            Standing::Hopeless(reason) => return Err(cannot_carry(codec, name, &reason)),
        };
        match self.try_encode(proven) {
            Ok(bytes) => {
                if !proven {
                    let record = Record { proven: true, ..Record::default() };
                    write(|records| records.insert(id, record));
                }
                Ok(bytes)
            }
            Err(reason) => {
                let reason = format!("{reason:#}");
                let error = cannot_carry(codec, name, &reason);
                let first = write(|records| {
                    let record = records.entry(id).or_default();
                    record.failures = record.failures.saturating_add(1);
                    record.reason = reason;
                    !std::mem::replace(&mut record.reported, true)
                });
                if first {
                    log::error!("{error}");
                }
                Err(error)
            }
        }
    }

    fn standing(&self) -> Standing {
        let records = RECORDS.read().unwrap_or_else(PoisonError::into_inner);
        match records.get(&self.id) {
            None => return Standing::Unproven,
            Some(record) if record.proven => return Standing::Proven,
            Some(record) if record.failures < PATIENCE => return Standing::Unproven,
            Some(_) => drop(records),
        }
        write(|records| {
            let record = records.entry(self.id).or_default();
            record.failures = record.failures.saturating_add(1);
            if record.failures.is_multiple_of(RETRY) {
                Standing::Unproven
            } else {
                Standing::Hopeless(record.reason.clone())
            }
        })
    }

    fn try_encode(self, proven: bool) -> Result<Vec<u8>> {
        let Self { codec, value, again, .. } = self;
        let refused = |refusal: Refusal| Error::new(ErrorKind::Codec, refusal.to_string());
        let survey = (self.survey)().map_err(refused)?;
        let bytes = codec.encode(value)?;
        if bytes.len() > MAX_BYTES {
            let message = format!("the value takes {} bytes, the most is {MAX_BYTES}", bytes.len());
            return Err(Error::new(ErrorKind::Codec, message));
        }
        if survey.elements > bytes.len() + SPARE_ELEMENTS {
            let message = format!("the value has {} elements in {} bytes", survey.elements, bytes.len());
            return Err(Error::new(ErrorKind::Codec, message));
        }
        if (!proven || doubtful(codec, &survey))
            && again(&bytes)?.map_err(refused)?.fingerprint != survey.fingerprint
        {
            return Err(Error::new(ErrorKind::Codec, "what was encoded decodes to another value"));
        }
        Ok(bytes)
    }
}

fn write<R>(change: impl FnOnce(&mut BTreeMap<(TypeId, u8), Record>) -> R) -> R {
    // Nothing can panic half way through a change, so what a poisoned lock guards is whole.
    change(&mut RECORDS.write().unwrap_or_else(PoisonError::into_inner))
}

/// Whether a value has a shape that one codec or another loses although it carries other values of the type.
fn doubtful(codec: &dyn Codec, survey: &Survey) -> bool {
    let left_out = survey.skipped || survey.tuple_struct;
    survey.hollow_some || survey.not_finite || (left_out && !codec.carries_any_shape())
}

fn read<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> Result<T> {
    let mut value = None;
    read_with(codec, bytes, &mut |deserializer| {
        value = Some(T::deserialize(deserializer)?);
        Ok(())
    })?;
    value.ok_or_else(|| failed(codec, "gave no value", "its `decode` must call `read`"))
}

type Guarded<'g, 'd, 'de> = Guard<'g, &'d mut dyn erased_serde::Deserializer<'de>>;

fn read_with(
    codec: &dyn Codec,
    bytes: &[u8],
    read: &mut dyn FnMut(Guarded<'_, '_, '_>) -> Result<(), erased_serde::Error>,
) -> Result<()> {
    if bytes.len() > MAX_BYTES {
        return Err(failed(codec, "was given too many bytes for one value", bytes.len().to_string()));
    }
    let watch = Watch::over(bytes);
    let outcome = codec.decode(bytes, &mut |deserializer| read(Guard::new(deserializer, &watch)));
    outcome.map_err(|error| match watch.complaint() {
        Some(complaint) => failed(codec, "cannot read these bytes as the type asked for", complaint),
        None => error,
    })
}

fn cannot_carry(codec: &dyn Codec, of: &str, reason: &str) -> Error {
    let name = codec.name();
    let others = [("json", "Json"), ("msgpack", "MessagePack"), ("bincode", "Bincode")];
    let mut others = others.iter().filter(|(other, _)| *other != name);
    let (other, codec_type) = others.next().copied().unwrap_or(("json", "Json"));
    let feature = if other == "bincode" { String::new() } else { format!(", feature `{other}`") };
    Error::new(
        ErrorKind::Codec,
        format!(
            "{name} cannot carry this value of `{of}`: {reason}; take another codec (`CACHE_SERIALIZER={other}` or \
             `.codec({codec_type})`{feature}), or keep the values in this process with the option `local`",
        ),
    )
}

#[cfg(test)]
mod tests;
