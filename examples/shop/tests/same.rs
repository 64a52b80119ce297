//! The shop answers the same with and without a cache, whatever is written in between.

use std::net::SocketAddr;

use cachekit::testing::Scope;
use cachekit::{Cache, NullCache};
use shop::app::router;
use shop::db::Db;
use shop::load::{Client, Trouble, Wishes, essence};
use tokio::net::TcpListener;

/// A shop of which every request is inside a scope: one process has several.
async fn start(cache: Cache) -> Result<SocketAddr, Trouble> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let scope = Scope::new(cache);
    let app = router(Db::generate()?).layer(axum::middleware::from_fn(
        move |request, next: axum::middleware::Next| {
            let scope = scope.clone();
            async move { scope.run_async(next.run(request)).await }
        },
    ));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_answers_are_the_same_with_and_without_a_cache() -> Result<(), Trouble> {
    let folder = std::env::temp_dir().join(format!("cachekit-shop-{}", std::process::id()));
    let caches = [
        Cache::builder().backend(NullCache).build(),
        Cache::builder().build(),
        Cache::from_url(&format!("filesystem://{}", folder.display()))?,
    ];
    let mut clients = Vec::new();
    for cache in caches {
        clients.push(Client::connect(start(cache).await?).await?);
    }
    let mut hits = 0;
    for (number, wish) in Wishes::new(1, 50).take(10_000).enumerate() {
        let expected = clients[0].send(&wish).await?;
        for client in &mut clients[1..] {
            let own = client.send(&wish).await?;
            assert_eq!(essence(&wish, &own), essence(&wish, &expected), "{number}: {wish:?}");
            hits += usize::from(own.headers().contains_key("age"));
        }
    }
    std::fs::remove_dir_all(folder)?;
    assert!(hits > 5000, "{hits} answers came from a cache");
    Ok(())
}
