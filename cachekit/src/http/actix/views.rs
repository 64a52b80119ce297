//! actix-web's types as results of cached handlers.

use actix_web::body::BoxBody;
use actix_web::{HttpRequest, HttpResponse, Responder, web};

use super::super::CachedResponse;
use super::super::answer::Answer;
use super::convert;
use crate::http::OwnTimeout;
use crate::value::CacheValue;
use crate::view::View;

impl<T: CacheValue> View for web::Json<T> {
    type Form = T;

    fn to_form(&self) -> Option<T> {
        Some(self.0.clone())
    }

    fn from_form(form: T) -> Self {
        Self(form)
    }
}

impl Responder for CachedResponse {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        let own = self.own_timeout().map(OwnTimeout::of);
        let (status, headers, body) = self.into_parts();
        let answer = Answer { status, headers, body: bytes::Bytes::new() };
        let mut response = convert::response(&answer, body);
        if let Some(own) = own {
            response.extensions_mut().insert(own);
        }
        response
    }
}
