//! The page on tower and on actix-web.

use super::{FIELDS, StatsPage};

#[cfg(feature = "tower")]
mod tower {
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http::header::CONTENT_TYPE;
    use http::{HeaderName, HeaderValue, Request, Response};
    use http_body_util::Full;
    use tower_service::Service;

    use super::{FIELDS, StatsPage};

    impl<B> Service<Request<B>> for StatsPage {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<B>) -> Self::Future {
            let page = self.clone();
            let (parts, _) = request.into_parts();
            Box::pin(async move {
                let answer = page.answer(&parts.method, &parts.uri, &parts.headers).await;
                let mut response = Response::new(Full::new(Bytes::from(answer.body)));
                *response.status_mut() = answer.status;
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
                for (name, value) in FIELDS {
                    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
                }
                Ok(response)
            })
        }
    }
}

#[cfg(feature = "actix")]
mod actix {
    use actix_web::http::StatusCode;
    use actix_web::{HttpRequest, HttpResponse, Resource, web};

    use super::{FIELDS, StatsPage};
    use crate::http::actix::request_parts;

    impl StatsPage {
        /// The page as a resource of actix-web: `App::new().service(page.resource("/cache"))`.
        pub fn resource(&self, path: &str) -> Resource {
            let page = self.clone();
            web::resource(path).to(move |request: HttpRequest| {
                let page = page.clone();
                async move {
                    let Some((method, uri, headers)) = request_parts(&request) else {
                        return HttpResponse::new(StatusCode::BAD_REQUEST);
                    };
                    let answer = page.answer(&method, &uri, &headers).await;
                    let status = StatusCode::from_u16(answer.status.as_u16());
                    let mut response =
                        HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
                    response.content_type(answer.content_type);
                    for field in FIELDS {
                        response.insert_header(field);
                    }
                    response.body(answer.body)
                }
            })
        }
    }
}
