//! actix-web's types as results of cached handlers.

use actix_web::body::BoxBody;
use actix_web::test::TestRequest;
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

impl View for web::Html {
    type Form = String;

    fn to_form(&self) -> Option<String> {
        // It shows its text to nobody but a response.
        let request = TestRequest::default().to_http_request();
        Some(self.clone().respond_to(&request).into_body())
    }

    fn from_form(form: String) -> Self {
        Self::new(form)
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
