//! What the tests share: real servers, started and stopped by the test process itself ([`servers`]), and a proxy that
//! spoils what passes between them and a client ([`proxy`]). The tests themselves live in the `[[test]]` targets.

#[cfg(unix)]
pub mod proxy;
#[cfg(unix)]
pub mod servers;
