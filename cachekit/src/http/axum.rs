//! axum's types as results of cached handlers.

use ::axum::Json;
use ::axum::response::{Html, IntoResponse, Response};
use http_body_util::Full;

use super::CachedResponse;
use crate::value::CacheValue;
use crate::view::View;

impl<T: CacheValue> View for Html<T> {
    type Form = T;

    fn to_form(&self) -> Option<T> {
        Some(self.0.clone())
    }

    fn from_form(form: T) -> Self {
        Self(form)
    }
}

impl<T: CacheValue> View for Json<T> {
    type Form = T;

    fn to_form(&self) -> Option<T> {
        Some(self.0.clone())
    }

    fn from_form(form: T) -> Self {
        Self(form)
    }
}

impl IntoResponse for CachedResponse {
    fn into_response(self) -> Response {
        http::Response::<Full<_>>::from(self).into_response()
    }
}
