//! `#[cached]` on handlers of axum and of actix-web, through a real client.

mod actix;
mod axum;
mod context;
mod results;
mod rules;
mod templates;
mod tower;
