//! The rules of the response cache, through a real client, on axum and on actix-web.

mod basics;
