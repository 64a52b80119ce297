//! What the tests share: real servers, started and stopped by the test process itself ([`servers`]), and a proxy that
//! spoils what passes between them and a client ([`proxy`]); stores in both flavours ([`flavours`]), and callers that go away
//! ([`dropping`]); a stop watch for a busy machine ([`watch`]), numbers by a seed ([`random`]), and somebody to stand before a
//! backend ([`via`]). The tests themselves live in the `[[test]]` targets.

pub mod dropping;
pub mod flavours;
#[cfg(unix)]
pub mod proxy;
pub mod random;
#[cfg(unix)]
pub mod servers;
pub mod via;
pub mod watch;
