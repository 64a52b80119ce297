//! Real HTTP for the tests of the web layer: a client ([`Client`]), and one service on axum and on actix-web ([`Site`]).

#![allow(clippy::missing_panics_doc, reason = "what fails in a test, panics")]

mod actix;
mod axum;
mod client;
mod service;
mod world;

pub use self::actix::start as start_actix;
pub use self::axum::start as start_axum;
pub use self::client::{Client, Reply};
pub use self::service::{Answer, Asked, Handler};
pub use self::world::{Site, World, everywhere, everywhere_with, on};
