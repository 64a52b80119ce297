//! `cargo run -p shop`: the shop, on the cache in this process, or on another one with `--cache URL`.

use std::error::Error;

use cachekit::Cache;
use shop::app::router;
use shop::db::Db;
use tokio::net::TcpListener;

const USAGE: &str = "usage: shop [--cache URL] [--port NUMBER]

  --cache URL     where results are kept: simple:// (the default), null://, redis://localhost:6379,
                  memcached://localhost:11211, filesystem:///tmp/shop
  --port NUMBER   3000 by default, 0 for any that is free";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut cache, mut port) = ("simple://?threshold=20000".to_owned(), 3000);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (&*word, words.next()) {
            ("--cache", Some(url)) => cache = url,
            ("--port", Some(number)) => port = number.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    cachekit::install(Cache::from_url(&cache)?)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let app = router(Db::generate()?);
    println!("http://{} (statistics: /cache)", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
