//! Middleware for actix-web.
//!
//! ```
//! use actix_web::{App, web};
//! use cachekit::http::{ResponseCache, actix};
//!
//! let pages = ResponseCache::builder("pages").timeout(60).cache_status().build();
//! let app = App::new()
//!     .route("/", web::get().to(|| async { "expensive" }))
//!     .wrap(pages.middleware())
//!     .wrap(actix::RequestContextMiddleware::new());
//! # let _ = app;
//! ```

mod body;
mod context;
mod convert;
mod responses;
mod views;

pub use self::context::{RequestContextMiddleware, RequestContextService};
#[cfg(feature = "stats-page")]
pub(crate) use self::convert::request_parts;
pub use self::responses::{ResponseCacheMiddleware, ResponseCacheService};
