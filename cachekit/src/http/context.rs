//! The request context, from the parts of a request.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use http::header::HOST;

use crate::request::RequestContext;

/// The names of the fields that are to be known, as they are compared.
pub(crate) fn known(names: impl IntoIterator<Item = impl Into<String>>) -> Arc<[String]> {
    names.into_iter().map(|name| name.into().to_ascii_lowercase()).collect()
}

/// Where a request goes to, in whatever form a framework has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) authority: Option<&'a str>,
}

/// The context of a request; with the fields of some names only, where the program says so.
pub(crate) fn context(
    target: Target<'_>,
    headers: Cow<'_, HeaderMap>,
    known: Option<&Arc<[String]>>,
) -> RequestContext {
    let request = RequestContext::new(target.method, target.path);
    let request = match target.query {
        Some(query) => request.query_string(query),
        None => request,
    };
    // The fields have it, unless it stands in the target, or only some of them are known.
    let host = (target.authority.is_some() || known.is_some()).then(|| hosts(target.authority, &headers));
    let request = match host.flatten() {
        Some(host) => request.with_host(host),
        None => request,
    };
    match known {
        None => request.fields(headers.into_owned(), None),
        Some(names) => {
            let mut some = HeaderMap::new();
            for name in names.iter() {
                let Ok(name) = http::HeaderName::try_from(name.as_str()) else { continue };
                for value in headers.get_all(&name) {
                    some.append(&name, value.clone());
                }
            }
            request.fields(some, Some(Arc::clone(names)))
        }
    }
}

/// The host that a request is for; a list, which is none, if it names several.
fn hosts(authority: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or("?"));
    let mut hosts: Vec<String> = authority.into_iter().chain(lines).map(str::to_ascii_lowercase).collect();
    hosts.dedup();
    (!hosts.is_empty()).then(|| hosts.join(", "))
}
