//! Which values are plain integers: stores keep those as decimal text, so that they can be counted up and down.

use std::fmt::Display;

use serde::Serialize;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::ser::{self, Impossible, Serializer};

/// The value as an integer, if it serializes as one of at most 64 bits and fits an `i64`.
pub(crate) fn integer_of<T: Serialize + ?Sized>(value: &T) -> Option<i64> {
    value.serialize(Probe).ok()
}

/// The integer as a value, if the type deserializes from one. Floats and booleans do not.
pub(crate) fn from_integer<T: DeserializeOwned>(integer: i64) -> Option<T> {
    T::deserialize(Integer(integer)).ok()
}

/// The value is no integer. What it is instead, nobody asks.
#[derive(Debug)]
struct NoInteger;

impl Display for NoInteger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an integer")
    }
}

impl std::error::Error for NoInteger {}

impl ser::Error for NoInteger {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl de::Error for NoInteger {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

struct Probe;

macro_rules! integers {
    ($($method:ident($type:ty);)*) => {
        $(
            fn $method(self, value: $type) -> Result<i64, NoInteger> {
                i64::try_from(value).map_err(|_| NoInteger)
            }
        )*
    };
}

macro_rules! refused {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {
        $(
            fn $method(self, $(_: $type),*) -> Result<$ok, NoInteger> {
                Err(NoInteger)
            }
        )*
    };
}

type Never = Impossible<i64, NoInteger>;

impl Serializer for Probe {
    type Ok = i64;
    type Error = NoInteger;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    integers! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
    }

    refused! {
        serialize_bool(bool) -> i64;
        serialize_f32(f32) -> i64;
        serialize_f64(f64) -> i64;
        serialize_char(char) -> i64;
        serialize_str(&str) -> i64;
        serialize_bytes(&[u8]) -> i64;
        serialize_none() -> i64;
        serialize_unit() -> i64;
        serialize_unit_struct(&'static str) -> i64;
        serialize_unit_variant(&'static str, u32, &'static str) -> i64;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<i64, NoInteger> {
        Err(NoInteger)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<i64, NoInteger> {
        Err(NoInteger)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<i64, NoInteger> {
        Err(NoInteger)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<i64, NoInteger> {
        Err(NoInteger)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Deserializes into whatever asks for an integer, or for anything.
struct Integer(i64);

macro_rules! given {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoInteger> {
                visitor.visit_i64(self.0)
            }
        )*
    };
}

macro_rules! not_given {
    ($($method:ident($($type:ty),*))*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $(_: $type,)* _: V) -> Result<V::Value, NoInteger> {
                Err(NoInteger)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Integer {
    type Error = NoInteger;

    given! {
        deserialize_any
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    not_given! {
        deserialize_bool() deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_unit_struct(&'static str)
        deserialize_newtype_struct(&'static str) deserialize_seq() deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize) deserialize_map()
        deserialize_struct(&'static str, &'static [&'static str])
        deserialize_enum(&'static str, &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::*;

    fn back<T: Serialize + DeserializeOwned>(value: &T) -> Option<T> {
        integer_of(value).and_then(from_integer)
    }

    #[test]
    fn integers_of_every_width_pass() {
        assert_eq!(back(&i8::MIN), Some(i8::MIN));
        assert_eq!(back(&i16::MIN), Some(i16::MIN));
        assert_eq!(back(&i32::MAX), Some(i32::MAX));
        assert_eq!(back(&i64::MIN), Some(i64::MIN));
        assert_eq!(back(&u8::MAX), Some(u8::MAX));
        assert_eq!(back(&u16::MAX), Some(u16::MAX));
        assert_eq!(back(&u32::MAX), Some(u32::MAX));
        assert_eq!(back(&7_u64), Some(7));
        assert_eq!(back(&7_usize), Some(7));
        assert_eq!(back(&NonZeroU8::MAX), Some(NonZeroU8::MAX));
    }

    #[test]
    fn what_does_not_fit_is_no_integer() {
        assert_eq!(integer_of(&u64::MAX), None);
        assert_eq!(integer_of(&1_i128), None);
        assert_eq!(from_integer::<u8>(256), None);
        assert_eq!(from_integer::<u64>(-1), None);
        assert_eq!(from_integer::<NonZeroU8>(0), None);
    }

    #[test]
    fn other_types_are_no_integers() {
        assert_eq!(integer_of(&true), None);
        assert_eq!(integer_of(&1.0), None);
        assert_eq!(integer_of("1"), None);
        assert_eq!(integer_of(&'1'), None);
        assert_eq!(integer_of(&Some(1)), None);
        assert_eq!(integer_of(&None::<i32>), None);
        assert_eq!(integer_of(&()), None);
        assert_eq!(integer_of(&(1,)), None);
        assert_eq!(integer_of(&[1]), None);
        assert_eq!(integer_of(&Ok::<i32, i32>(1)), None);
        assert_eq!(from_integer::<bool>(1), None);
        assert_eq!(from_integer::<f64>(1), None);
        assert_eq!(from_integer::<f32>(1), None);
        assert_eq!(from_integer::<char>(65), None);
        assert_eq!(from_integer::<String>(1), None);
        assert_eq!(from_integer::<Option<i64>>(1), None);
        assert_eq!(from_integer::<()>(1), None);
    }
}
