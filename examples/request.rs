//! `#[cached]`: results keyed by the request's path, its query, or a name. A web layer sets the request around a handler.

use cachekit::{RequestContext, cached};

/// Keyed by the path, as `view/%s` is in Flask.
#[cached(timeout = 50)]
fn index() -> String {
    println!("    (rendering)");
    let request = RequestContext::current();
    format!("<h1>{}</h1>", request.as_ref().map_or("no request", RequestContext::path))
}

/// Keyed by the path and the query, in whatever order its pairs come.
#[cached(query_string)]
fn search() -> usize {
    println!("    (searching)");
    RequestContext::current().map_or(0, |request| request.query_pairs().len())
}

/// Keyed by a name and an argument; no request needed.
#[cached(key_prefix = "navigation/{language}")]
fn navigation(language: &str) -> Vec<String> {
    println!("    (collecting)");
    vec![format!("home-{language}"), format!("about-{language}")]
}

fn main() -> cachekit::Result<()> {
    let home = RequestContext::new("GET", "/");
    let about = RequestContext::new("GET", "/about");
    for request in [&home, &about, &home] {
        println!("GET {}: {}", request.path(), request.scope(index));
    }
    println!("the key of /about: {}", about.scope(index::make_cache_key));

    for query in [[("q", "rust"), ("page", "2")], [("page", "2"), ("q", "rust")]] {
        let request = RequestContext::new("GET", "/search").query(query);
        println!("GET /search?{query:?}: {} parameters", request.scope(search));
    }

    for language in ["en", "de", "en"] {
        println!("navigation in {language}: {:?}", navigation(language));
    }
    println!("forgotten by its key: {}", cachekit::current().delete_cached("navigation/en")?);
    navigation("en");
    println!("outside a request: {}, uncached", index());
    Ok(())
}
