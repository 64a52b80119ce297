//! Layers for axum and anything else on tower.
//!
//! ```
//! use cachekit::http::{RequestContextLayer, ResponseCache};
//!
//! let pages = ResponseCache::builder("pages").timeout(60).cache_status().build();
//! let app: axum::Router = axum::Router::new()
//!     .route("/", axum::routing::get(async || "expensive"))
//!     .layer(pages.layer())
//!     .layer(RequestContextLayer::new());
//! # let _ = app;
//! ```

mod body;
mod context;
mod respond;
mod responses;

pub use self::body::{Body, Kept};
pub use self::context::{RequestContextLayer, RequestContextService};
pub use self::responses::{ResponseCacheLayer, ResponseCacheService};

/// What errors of bodies become.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
