//! Cached handlers on axum and on actix-web.
