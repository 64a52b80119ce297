//! A walk over a value that learns what codecs may fail to carry, without encoding anything.

use std::convert::identity;
use std::fmt::Display;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use serde::ser::{self, Serialize, Serializer};

/// How deep a value may be nested; deeper ones could overflow the stack of the thread that reads them.
pub(super) const MAX_DEPTH: usize = 128;

/// What a walk over a value learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an independent observation about one value")]
pub(super) struct Survey {
    /// Equal for equal values, whatever the order in which their sets and maps iterate.
    pub(super) fingerprint: u64,
    /// How many elements its lists and maps have together.
    pub(super) elements: usize,
    /// A field was left out (`skip_serializing_if`).
    pub(super) skipped: bool,
    /// It has a tuple struct, which can leave out fields unnoticed.
    pub(super) tuple_struct: bool,
    /// `Some` of something that many formats write like `None`.
    pub(super) hollow_some: bool,
    /// NaN or an infinity.
    pub(super) not_finite: bool,
}

impl Survey {
    /// Walks over a value.
    ///
    /// # Errors
    ///
    /// What the value's own `Serialize` said, or that it is nested too deep.
    pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Refusal> {
        let mut walker = Walker { seen: Self::default(), depth: 0 };
        let fingerprint = value.serialize(&mut walker)?;
        Ok(Self { fingerprint, ..walker.seen })
    }
}

/// Why a value cannot be walked over.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The two walks that are compared happen in one process, so the seed only has to be the same.
const STATE: FixedState = FixedState::with_seed(0x6361_6368_656b_6974);

fn hash(tag: u8, content: impl Hash) -> u64 {
    STATE.hash_one((tag, content))
}

// Kinds of values, which keep `1`, `1.0` and `"1"` apart.
const NOTHING: u8 = 0;
const BOOL: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const CHAR: u8 = 4;
const TEXT: u8 = 5;
const BYTES: u8 = 6;
const SOME: u8 = 7;
const VARIANT: u8 = 8;
const ELEMENT: u8 = 9;
const FIELD: u8 = 10;

struct Walker {
    seen: Survey,
    depth: usize,
}

impl Walker {
    fn descend(&mut self, levels: usize) -> Result<(), Refusal> {
        self.depth += levels;
        if self.depth > MAX_DEPTH {
            return Err(Refusal(format!("the value is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<u64, Refusal> {
        self.descend(1)?;
        let hash = value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(hash)
    }

    fn parts(&mut self, start: u64, levels: usize) -> Result<Parts<'_>, Refusal> {
        self.descend(levels)?;
        Ok(Parts { walker: self, hash: start, key: 0, levels })
    }
}

macro_rules! leaves {
    ($($method:ident($type:ty) $tag:ident: $content:expr;)*) => {
        $(
            fn $method(self, value: $type) -> Result<u64, Refusal> {
                Ok(hash($tag, $content(value)))
            }
        )*
    };
}

impl<'w> Serializer for &'w mut Walker {
    type Ok = u64;
    type Error = Refusal;
    type SerializeSeq = Parts<'w>;
    type SerializeTuple = Parts<'w>;
    type SerializeTupleStruct = Parts<'w>;
    type SerializeTupleVariant = Parts<'w>;
    type SerializeMap = Parts<'w>;
    type SerializeStruct = Parts<'w>;
    type SerializeStructVariant = Parts<'w>;

    leaves! {
        serialize_bool(bool) BOOL: identity;
        serialize_i8(i8) INTEGER: i128::from;
        serialize_i16(i16) INTEGER: i128::from;
        serialize_i32(i32) INTEGER: i128::from;
        serialize_i64(i64) INTEGER: i128::from;
        serialize_i128(i128) INTEGER: identity;
        serialize_u8(u8) INTEGER: i128::from;
        serialize_u16(u16) INTEGER: i128::from;
        serialize_u32(u32) INTEGER: i128::from;
        serialize_u64(u64) INTEGER: i128::from;
        // Beyond i128 the bits are taken as they are: no other integer of the same value can have them.
        serialize_u128(u128) INTEGER: u128::cast_signed;
        serialize_char(char) CHAR: identity;
        serialize_str(&str) TEXT: identity;
        serialize_bytes(&[u8]) BYTES: identity;
    }

    fn serialize_f32(self, value: f32) -> Result<u64, Refusal> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<u64, Refusal> {
        self.seen.not_finite |= !value.is_finite();
        Ok(hash(FLOAT, if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }))
    }

    fn serialize_none(self) -> Result<u64, Refusal> {
        Ok(hash(NOTHING, ()))
    }

    fn serialize_unit(self) -> Result<u64, Refusal> {
        Ok(hash(NOTHING, ()))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<u64, Refusal> {
        Ok(hash(NOTHING, ()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u64, Refusal> {
        let content = self.inside(value)?;
        self.seen.hollow_some |= content == hash(NOTHING, ());
        Ok(hash(SOME, content))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u64, Refusal> {
        self.inside(value)
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<u64, Refusal> {
        self.descend(1)?;
        self.depth -= 1;
        Ok(hash(VARIANT, index))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<u64, Refusal> {
        let content = self.inside(value)?;
        Ok(hash(VARIANT, (index, content)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'w>, Refusal> {
        self.parts(hash(ELEMENT, ()), 1)
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'w>, Refusal> {
        self.parts(hash(FIELD, ()), 1)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'w>, Refusal> {
        self.seen.tuple_struct = true;
        self.parts(hash(FIELD, ()), 1)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'w>, Refusal> {
        self.seen.tuple_struct = true;
        self.parts(hash(VARIANT, index), 2)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'w>, Refusal> {
        self.parts(hash(ELEMENT, ()), 1)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'w>, Refusal> {
        self.parts(hash(FIELD, ()), 1)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'w>, Refusal> {
        self.parts(hash(VARIANT, index), 2)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a list, a map, a tuple or a struct.
struct Parts<'w> {
    walker: &'w mut Walker,
    hash: u64,
    key: u64,
    levels: usize,
}

impl Parts<'_> {
    /// A part at any place: lists and maps may come back in another order, because they may be sets.
    fn anywhere(&mut self, part: u64) {
        self.walker.seen.elements += 1;
        self.hash = self.hash.wrapping_add(hash(ELEMENT, part));
    }

    /// A part at its place.
    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let part = value.serialize(&mut *self.walker)?;
        self.hash = hash(FIELD, (self.hash, part));
        Ok(())
    }

    /// A part with a name.
    fn named<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Refusal> {
        let part = value.serialize(&mut *self.walker)?;
        self.hash = hash(FIELD, (self.hash, name, part));
        Ok(())
    }

    fn finish(self) -> u64 {
        self.walker.depth -= self.levels;
        self.hash
    }
}

impl ser::SerializeSeq for Parts<'_> {
    type Ok = u64;
    type Error = Refusal;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let part = value.serialize(&mut *self.walker)?;
        self.anywhere(part);
        Ok(())
    }

    fn end(self) -> Result<u64, Refusal> {
        Ok(self.finish())
    }
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = u64;
    type Error = Refusal;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refusal> {
        self.key = key.serialize(&mut *self.walker)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let part = value.serialize(&mut *self.walker)?;
        self.anywhere(hash(FIELD, (self.key, part)));
        Ok(())
    }

    fn end(self) -> Result<u64, Refusal> {
        Ok(self.finish())
    }
}

macro_rules! in_place {
    ($($access:ident $method:ident;)*) => {
        $(
            impl ser::$access for Parts<'_> {
                type Ok = u64;
                type Error = Refusal;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
                    self.next(value)
                }

                fn end(self) -> Result<u64, Refusal> {
                    Ok(self.finish())
                }
            }
        )*
    };
}

in_place! {
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! by_name {
    ($($access:ident;)*) => {
        $(
            impl ser::$access for Parts<'_> {
                type Ok = u64;
                type Error = Refusal;

                fn serialize_field<T: Serialize + ?Sized>(
                    &mut self,
                    name: &'static str,
                    value: &T,
                ) -> Result<(), Refusal> {
                    self.named(name, value)
                }

                fn skip_field(&mut self, _: &'static str) -> Result<(), Refusal> {
                    self.walker.seen.skipped = true;
                    Ok(())
                }

                fn end(self) -> Result<u64, Refusal> {
                    Ok(self.finish())
                }
            }
        )*
    };
}

by_name! {
    SerializeStruct;
    SerializeStructVariant;
}
