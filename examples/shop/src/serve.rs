//! The program: a shop on a port, with its results in some cache.

use cachekit::{Cache, Config};
use tokio::net::TcpListener;

use crate::app::router;
use crate::db::Db;
use crate::load::Trouble;

const USAGE: &str = "usage: shop [--cache URL] [--port NUMBER]

  --cache URL     where results are kept: simple:// (the default), null://, redis://localhost:6379,
                  memcached://localhost:11211, filesystem:///tmp/shop
  --port NUMBER   3000 by default, 0 for any that is free";

/// Serves until the process ends, as the words of a command line say.
///
/// # Errors
///
/// When they say nothing that it knows, the cache cannot be built, or the port is taken.
pub async fn serve(mut words: impl Iterator<Item = String>) -> Result<(), Trouble> {
    let (mut cache, mut port) = ("simple://?threshold=20000".to_owned(), 3000);
    while let Some(word) = words.next() {
        match (&*word, words.next()) {
            ("--cache", Some(url)) => cache = url,
            ("--port", Some(number)) => port = number.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let cache = Cache::builder().config(&Config::from_url(&cache)?).key_prefix("shop:").try_build()?;
    // The database is a new one at each start: what an earlier shop left elsewhere is about another one.
    cache.clear_async().await?;
    cachekit::install(cache)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let app = router(Db::generate()?);
    println!("http://{} (statistics: /cache)", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
