//! Where a case takes place: on axum and on actix-web, with typed entries and with bytes, by a clock that it moves.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachekit::http::{ResponseCache, ResponseCacheBuilder};
use cachekit::testing::Faulty;
use cachekit::{Cache, ManualClock, SimpleCache};

use crate::client::Client;
use crate::service::{Answer, Asked, Handler};

/// What a case is run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// axum; what is stale is computed by a request.
    Axum,
    /// axum; what is stale is computed beside requests.
    AxumBackground,
    /// actix-web.
    Actix,
}

/// A service behind a cache, and what moves it.
pub struct World {
    /// What it runs on.
    pub site: Site,
    /// The cache in front of it.
    pub pages: ResponseCache,
    /// The cache that holds the entries.
    pub cache: Cache,
    /// Its backend, where entries are bytes in one.
    pub faulty: Option<Faulty>,
    clock: ManualClock,
    address: SocketAddr,
    runs: Arc<AtomicUsize>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("site", &self.site).finish_non_exhaustive()
    }
}

impl World {
    /// A new connection.
    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Where the service listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets seconds pass.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How often the service ran since this was last asked.
    pub fn runs(&self) -> usize {
        self.runs.swap(0, Ordering::SeqCst)
    }
}

/// Runs a case everywhere, with a timeout of a minute and `Cache-Status`.
pub fn everywhere<F: Future<Output = ()>>(
    handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    case: impl Fn(World) -> F,
) {
    everywhere_with(|builder| builder, handler, case);
}

/// The same with settings of the case's own.
pub fn everywhere_with<F: Future<Output = ()>>(
    settings: impl Fn(ResponseCacheBuilder) -> ResponseCacheBuilder,
    handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    case: impl Fn(World) -> F,
) {
    let handler: Handler = Arc::new(handler);
    for site in [Site::Axum, Site::AxumBackground, Site::Actix] {
        for bytes in [false, true] {
            let told = Told(site, bytes);
            on(site, bytes, &settings, &handler, &case);
            drop(told);
        }
    }
}

/// Runs a case on one of them.
pub fn on<F: Future<Output = ()>>(
    site: Site,
    bytes: bool,
    settings: &impl Fn(ResponseCacheBuilder) -> ResponseCacheBuilder,
    handler: &Handler,
    case: &impl Fn(World) -> F,
) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test-{}", NEXT.fetch_add(1, Ordering::SeqCst));
    let clock = ManualClock::new();
    let mut builder = Cache::builder().clock(clock.clock());
    let faulty = bytes.then(|| Faulty::new(SimpleCache::builder().clock(clock.clock()).build()));
    if let Some(faulty) = &faulty {
        builder = builder.backend(faulty.clone());
    }
    let cache = builder.build();
    cachekit::install_named(&name, cache.clone()).expect("a name of its own");
    let pages = settings(ResponseCache::builder("pages").cache(&name).timeout(60).cache_status()).build();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted: Handler = {
        let (runs, handler) = (Arc::clone(&runs), Arc::clone(handler));
        Arc::new(move |asked| {
            runs.fetch_add(1, Ordering::SeqCst);
            handler(asked)
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let address = match site {
            Site::Axum => crate::axum::serve(&pages, counted, false).await,
            Site::AxumBackground => crate::axum::serve(&pages, counted, true).await,
            Site::Actix => crate::actix::serve(&pages, counted),
        };
        case(World { site, pages, cache, faulty, clock, address, runs }).await;
    });
}

/// Says where a case failed.
struct Told(Site, bool);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {:?}, {}", self.0, if self.1 { "as bytes" } else { "typed" });
        }
    }
}
