//! The rules of HTTP caching, without anything that moves bytes: what a request permits, what a response allows.
//!
//! Each is a function of header fields ([`Fields`]) and is tested beside its code; `engine` joins them.

pub(crate) mod age;
pub(crate) mod cache_control;
pub(crate) mod cache_status;
pub(crate) mod date;
pub(crate) mod etag;
pub(crate) mod fields;
pub(crate) mod list;
pub(crate) mod storing;
pub(crate) mod vary;

pub(crate) use self::fields::Fields;
