//! What stands beside each value in a store that cannot list its keys: memcached and uWSGI.
//!
//! A [`Frame`] before the value says what it is, when it expires to the millisecond, and the [`Epoch`] it was written
//! in. Clearing a prefix begins a new epoch in the server's [`Registry`], one item under a reserved key, which says
//! since when entries under which prefixes are dead. A reader fetches the registry with the entries; a writer reads it
//! after each write, in the same exchange, so that nothing is stored unnoticed that is dead on arrival.
//!
//! All of it is bytes in and bytes out: nothing here waits for anything.

mod epochs;
mod frame;
mod known;

pub(crate) use self::epochs::{Epoch, Registry};
pub(crate) use self::frame::{Expiry, Frame, Kind, now_ms};
pub(crate) use self::known::Known;
