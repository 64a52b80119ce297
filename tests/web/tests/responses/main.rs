//! The rules of the response cache, through a real client, on axum and on actix-web.

mod basics;
mod bodies;
mod conditions;
mod corpus;
mod crowds;
mod forgetting;
mod random;
mod raw;
mod requests;
mod stale;
mod variants;
