//! The router, and the caches in front of it.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use cachekit::delete_cached;
use cachekit::http::{RequestContextLayer, ResponseCache};
use cachekit::stats_page::StatsPage;

use crate::db::Db;
use crate::queries::Failed;
use crate::views;

/// What every handler has.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) db: Db,
    /// Pages of single items.
    items: ResponseCache,
    /// Pages that list several, so that any change may show on any of them.
    lists: ResponseCache,
}

impl App {
    /// Forgets what shows an item, after it was changed.
    pub(crate) async fn forget_item(&self, id: u64) -> Result<(), Failed> {
        let failed =
            |error: cachekit::Error| Failed(format!("it is written, but may be served as it was: {error:#}"));
        self.items.forget_async(&format!("/items/{id}")).await.map_err(failed)?;
        self.lists.forget_all_async().await.map_err(failed)?;
        delete_cached!(views::api_item, path = format!("/api/items/{id}")).await.map_err(failed)?;
        Ok(())
    }
}

/// The shop.
pub fn router(db: Db) -> Router {
    let cache = |name: &str| {
        let cache = ResponseCache::builder(name).timeout(300).cache_status();
        cache.any_host().stale_if_error(Duration::from_secs(3600)).build()
    };
    let app = App { db, items: cache("items"), lists: cache("lists") };
    let items = Router::new().route("/items/{id}", get(views::item)).layer(app.items.layer());
    let lists = Router::new()
        .route("/", get(views::home))
        .route("/categories/{id}", get(views::category))
        .route("/search", get(views::search))
        .layer(app.lists.layer());
    let others = Router::new()
        .route("/api/items/{id}", get(views::api_item))
        .route("/items/{id}/price", post(views::set_price))
        .route("/items/{id}/reviews", post(views::add_review));
    // Whoever operates the shop sits at this machine; a real one would look at a session.
    let page = StatsPage::new().title("Shop").guard(|visitor| {
        visitor
            .header("host")
            .is_some_and(|host| host.starts_with("127.0.0.1:") || host.starts_with("localhost:"))
    });
    Router::new()
        .merge(items)
        .merge(lists)
        .merge(others)
        .with_state(app)
        .route_service("/cache", page)
        .layer(RequestContextLayer::new())
}
