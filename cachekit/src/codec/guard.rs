//! A deserializer around a deserializer that bounds what bytes can make it do.
//!
//! Formats differ in what they guard against: bincode lets a list of units claim 2^64 elements and a recursive type
//! nest until the stack overflows. [`Guard`] bounds depth and elements for all of them. It also keeps errors short:
//! bincode's quote the error inside them, and the quotes of quotes would take exponential memory on their way up.

use std::cell::{Cell, OnceCell};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::survey::MAX_DEPTH;

/// The elements without a byte of their own that lists and maps of one value may have together.
pub(super) const SPARE_ELEMENTS: usize = 1 << 16;

/// What a list may reserve on the word of its length prefix.
const MAX_SIZE_HINT: usize = 4096;

/// What the pieces of one deserialization share.
pub(super) struct Watch {
    /// How many more elements lists and maps may have. Every element takes a byte, except those of no size.
    elements: Cell<usize>,
    complaint: OnceCell<String>,
}

impl Watch {
    /// A watch over the deserialization of so many bytes.
    pub(super) fn over(bytes: &[u8]) -> Self {
        Self { elements: Cell::new(bytes.len() + SPARE_ELEMENTS), complaint: OnceCell::new() }
    }

    /// What went wrong first, and so in the innermost place.
    pub(super) fn complaint(self) -> Option<String> {
        self.complaint.into_inner()
    }

    /// The outcome, with the error noted. No closure: there would be one for each method of each type.
    fn kept<T, E: Error>(&self, outcome: Result<T, E>) -> Result<T, E> {
        match outcome {
            Ok(value) => Ok(value),
            Err(error) => Err(self.keep(&error)),
        }
    }

    fn keep<E: Error>(&self, error: &E) -> E {
        self.complaint.get_or_init(|| error.to_string());
        E::custom("stopped")
    }
}

/// A piece of a deserialization (deserializer, visitor, access, seed) whose every call goes through a check.
pub(super) struct Guard<'g, T> {
    inner: T,
    depth: usize,
    watch: &'g Watch,
    /// Whether the data says how many elements follow, rather than the type.
    counted: bool,
}

impl<'g, T> Guard<'g, T> {
    /// Guards a deserializer.
    pub(super) fn new(inner: T, watch: &'g Watch) -> Self {
        Self { inner, depth: 0, watch, counted: true }
    }

    fn around<U>(&self, inner: U) -> Guard<'g, U> {
        Guard { inner, depth: self.depth, watch: self.watch, counted: self.counted }
    }

    fn within<U, E: Error>(&self, inner: U) -> Result<Guard<'g, U>, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("the value is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Guard { depth: self.depth + 1, ..self.around(inner) })
    }

    fn count<U, E: Error>(&self, element: Option<U>) -> Result<Option<U>, E> {
        if self.counted && element.is_some() {
            let left = self.watch.elements.get();
            self.watch
                .elements
                .set(left.checked_sub(1).ok_or_else(|| E::custom("more elements than bytes for them"))?);
        }
        Ok(element)
    }

    fn hint(&self, inner: Option<usize>) -> Option<usize> {
        inner.map(|elements| elements.min(self.watch.elements.get()).min(MAX_SIZE_HINT))
    }
}

macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*) counted $counted:literal as $inner:ident;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
                let visitor = Guard { counted: $counted, ..self.around(visitor) };
                self.watch.kept(self.inner.$inner($($arg,)* visitor))
            }
        )*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() counted true as deserialize_any;
        deserialize_bool() counted true as deserialize_bool;
        deserialize_i8() counted true as deserialize_i8;
        deserialize_i16() counted true as deserialize_i16;
        deserialize_i32() counted true as deserialize_i32;
        deserialize_i64() counted true as deserialize_i64;
        deserialize_i128() counted true as deserialize_i128;
        deserialize_u8() counted true as deserialize_u8;
        deserialize_u16() counted true as deserialize_u16;
        deserialize_u32() counted true as deserialize_u32;
        deserialize_u64() counted true as deserialize_u64;
        deserialize_u128() counted true as deserialize_u128;
        deserialize_f32() counted true as deserialize_f32;
        deserialize_f64() counted true as deserialize_f64;
        deserialize_char() counted true as deserialize_char;
        // Owned text and bytes are asked for as borrowed ones: bincode reserves what the length prefix of an owned
        // one claims before it looks at how many bytes there are.
        deserialize_str() counted true as deserialize_str;
        deserialize_string() counted true as deserialize_str;
        deserialize_bytes() counted true as deserialize_bytes;
        deserialize_byte_buf() counted true as deserialize_bytes;
        deserialize_option() counted true as deserialize_option;
        deserialize_unit() counted true as deserialize_unit;
        deserialize_unit_struct(name: &'static str) counted true as deserialize_unit_struct;
        deserialize_newtype_struct(name: &'static str) counted true as deserialize_newtype_struct;
        deserialize_seq() counted true as deserialize_seq;
        deserialize_tuple(len: usize) counted false as deserialize_tuple;
        deserialize_tuple_struct(name: &'static str, len: usize) counted false as deserialize_tuple_struct;
        deserialize_map() counted true as deserialize_map;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) counted false as deserialize_struct;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) counted true as deserialize_enum;
        deserialize_identifier() counted true as deserialize_identifier;
        deserialize_ignored_any() counted true as deserialize_ignored_any;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! leaves {
    ($($method:ident($type:ty);)*) => {
        $(
            fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
                self.watch.kept(self.inner.$method(value))
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guard<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(f)
    }

    leaves! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.watch.kept(self.inner.visit_none())
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.watch.kept(self.inner.visit_unit())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.within(deserializer)?;
        self.watch.kept(self.inner.visit_some(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.within(deserializer)?;
        self.watch.kept(self.inner.visit_newtype_struct(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.within(access)?;
        self.watch.kept(self.inner.visit_seq(access))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.within(access)?;
        self.watch.kept(self.inner.visit_map(access))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.within(access)?;
        self.watch.kept(self.inner.visit_enum(access))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guard<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.around(deserializer);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.around(seed);
        let element = self.inner.next_element_seed(seed)?;
        self.count(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.around(seed);
        let key = self.inner.next_key_seed(seed)?;
        self.count(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint(self.inner.size_hint())
    }
}

impl<'de, 'g, A: EnumAccess<'de>> EnumAccess<'de> for Guard<'g, A> {
    type Error = A::Error;
    type Variant = Guard<'g, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (seed, rest) = (self.around(seed), self.around(()));
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, rest.around(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = Guard { counted: false, ..self.around(visitor) };
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = Guard { counted: false, ..self.around(visitor) };
        self.inner.struct_variant(fields, visitor)
    }
}
