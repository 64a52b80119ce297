//! The pages.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use cachekit::{cached, fragment};
use http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::db::CATEGORIES;
use crate::queries::{self, Failed, Item};

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

/// `/`: the best items.
///
/// # Errors
///
/// When a query fails.
pub async fn home(State(app): State<App>) -> Result<Html<String>, Failed> {
    let best = queries::best(&app.db).await?;
    Ok(page("The best", &list(&best)))
}

/// `/items/{id}`: an item and what buyers think of it.
///
/// # Errors
///
/// When a query fails.
pub async fn item(State(app): State<App>, Path(id): Path<u64>) -> Result<Response, Failed> {
    let Some(item) = queries::item(&app.db, id).await? else {
        return Ok((StatusCode::NOT_FOUND, page("No such item", "")).into_response());
    };
    let rating = queries::rating(&app.db, id).await?;
    let mut body = format!("<p>{}</p><p>{}</p><ul>", euros(item.price), escape(&item.about));
    for (stars, text) in &rating.latest {
        // Writing to a String cannot fail.
        let _ = write!(body, "<li>{stars}: {}</li>", escape(text));
    }
    let _ = write!(body, "</ul><p>{} of {} reviews</p>", rating.stars, rating.reviews);
    Ok(page(&item.name, &body).into_response())
}

/// Which page of a list.
#[derive(Debug, Deserialize)]
pub struct Paging {
    page: Option<u64>,
}

/// `/categories/{id}?page=`: the items of a category.
///
/// # Errors
///
/// When a query fails.
pub async fn category(
    State(app): State<App>,
    Path(id): Path<u64>,
    Query(paging): Query<Paging>,
) -> Result<Html<String>, Failed> {
    let items = queries::category(&app.db, id, paging.page.unwrap_or(0).min(10_000)).await?;
    Ok(page(&format!("Category {id}"), &list(&items)))
}

/// What is searched for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    q: String,
}

/// `/search?q=`: items whose name contains a text.
///
/// # Errors
///
/// When a query fails.
pub async fn search(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Html<String>, Failed> {
    let items = queries::search(&app.db, &wanted.q).await?;
    Ok(page(&format!("Items with {}", wanted.q), &list(&items)))
}

/// `/api/items/{id}`: an item as JSON. A cached handler: its key is the path.
///
/// # Errors
///
/// When a query fails.
#[cached(timeout = 600)]
pub async fn api_item(State(app): State<App>, Path(id): Path<u64>) -> Result<Json<Option<Item>>, Failed> {
    Ok(Json(queries::item(&app.db, id).await?))
}

/// A new price, in cents.
#[derive(Debug, Deserialize)]
pub struct Price {
    price: u64,
}

/// `POST /items/{id}/price`.
///
/// # Errors
///
/// When the database or forgetting fails.
pub async fn set_price(
    State(app): State<App>,
    Path(id): Path<u64>,
    Form(price): Form<Price>,
) -> Result<StatusCode, Failed> {
    if !queries::set_price(&app.db, id, price.price).await? {
        return Ok(StatusCode::NOT_FOUND);
    }
    app.forget_item(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a buyer thinks.
#[derive(Debug, Deserialize)]
pub struct Review {
    stars: u64,
    text: String,
}

/// `POST /items/{id}/reviews`.
///
/// # Errors
///
/// When the database or forgetting fails.
pub async fn add_review(
    State(app): State<App>,
    Path(id): Path<u64>,
    Form(review): Form<Review>,
) -> Result<StatusCode, Failed> {
    queries::add_review(&app.db, id, review.stars.clamp(1, 5), review.text).await?;
    app.forget_item(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn page(title: &str, body: &str) -> Html<String> {
    let title = escape(title);
    // The same on every page, and rendered once.
    let menu = fragment("menu", &[&CATEGORIES], 0, || {
        (1..=CATEGORIES).fold(String::from("<nav>"), |mut menu, id| {
            let _ = write!(menu, "<a href=\"/categories/{id}\">{id}</a> ");
            menu
        }) + "</nav>"
    });
    Html(format!("<!doctype html><title>{title}</title>{menu}<h1>{title}</h1>{body}\n"))
}

fn list(items: &[Item]) -> String {
    items.iter().fold(String::from("<ul>"), |mut list, item| {
        let (id, name) = (item.id, escape(&item.name));
        let _ = write!(list, "<li><a href=\"/items/{id}\">{name}</a> {}</li>", euros(item.price));
        list
    }) + "</ul>"
}

fn euros(cents: u64) -> String {
    format!("{}.{:02} €", cents / 100, cents % 100)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
