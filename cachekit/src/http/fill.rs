//! A response that is being computed, by one for all: what becomes of it when it is there.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cachekit_backends::Lifetimes;
use http::header::{AGE, CONNECTION, CONTENT_LENGTH, DATE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::engine::{Asked, Engine, Kept, Refreshing};
use super::key::PageKey;
use super::page::{Page, Record, Varies};
use super::rules::cache_status::Forward;
use super::rules::storing::{self, Lifetime, age_given, decide};
use super::rules::{date, etag, list, vary};
use crate::call::{Miss, Mode};

/// The right to compute a response. Dropped, it hands over to those who wait for it.
pub(crate) struct Fill {
    engine: Arc<Engine>,
    miss: Miss<Kept>,
    key: PageKey,
    varies: Option<Arc<Varies>>,
    request: HeaderMap,
    authorized: bool,
    /// Why it is computed.
    pub(crate) why: Forward,
    /// What is served if it fails.
    old: Option<Arc<Page>>,
    pub(super) refreshing: Option<Refreshing>,
}

/// What becomes of a response.
pub(crate) enum Received {
    /// It is a failure: serve this instead.
    Old(Arc<Page>),
    /// It is not stored.
    Pass,
    /// It is stored when its body is there.
    Store(Box<Storing>),
}

/// A response whose body is awaited.
pub(crate) struct Storing {
    fill: Box<Fill>,
    place: Place,
    status: StatusCode,
    headers: HeaderMap,
    born: SystemTime,
    lifetimes: Lifetimes,
}

/// Where a response goes.
enum Place {
    /// Under the key that was looked up.
    Own,
    /// Under that of a variant, and what it varies by under the key that was looked up.
    Variant(Arc<Varies>, String),
}

/// Fields that belong to a connection, not to the response.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Fill {
    pub(super) fn new(
        engine: &Arc<Engine>,
        miss: Miss<Kept>,
        asked: &Asked,
        varies: Option<Arc<Varies>>,
        request: HeaderMap,
        why: Forward,
        old: Option<Arc<Page>>,
    ) -> Self {
        Self {
            engine: Arc::clone(engine),
            miss,
            key: asked.key.clone(),
            varies,
            request,
            authorized: asked.authorized,
            why,
            old,
            refreshing: None,
        }
    }

    /// Runs the service.
    pub(crate) async fn run<F: Future>(&mut self, service: F) -> F::Output {
        self.miss.run_around(service).await
    }

    /// The service failed: what is served instead, if there is something.
    pub(crate) async fn failed(mut self) -> Option<Arc<Page>> {
        if let Some(old) = self.old.take() {
            return Some(self.land_old(old).await);
        }
        self.pass(false).await;
        None
    }

    /// Decides on a response before its body is there. `own` is the lifetime that the handler gave it.
    pub(crate) async fn receive(
        mut self: Box<Self>,
        status: StatusCode,
        headers: &HeaderMap,
        own: Option<Lifetime>,
    ) -> Received {
        if status.is_server_error()
            && let Some(old) = self.old.take()
        {
            return Received::Old(self.land_old(old).await);
        }
        let settings = &self.engine.settings;
        let now = self.engine.now();
        let mut policy = settings.policy.clone();
        policy.timeout = self.engine.timeout();
        let asked = storing::Asked { authorized: self.authorized };
        let (lifetimes, names) = match decide(&policy, asked, status.as_u16(), headers, own, now) {
            Ok(decided) => decided,
            Err(refusal) => return self.pass(refusal.is_lasting()).await,
        };
        let age = age_given(headers, now);
        if lifetimes.state(age).is_none() {
            return self.pass(true).await;
        }
        if settings.response_filter.as_ref().is_some_and(|filter| !filter(status, headers)) {
            return self.pass(false).await;
        }
        let place = match self.place(names) {
            Ok(place) => place,
            Err(Some(varies)) => {
                self.vary_by(varies, &lifetimes).await;
                return self.pass(false).await;
            }
            Err(None) => return self.pass(true).await,
        };
        let born = now.checked_sub(age).unwrap_or(now);
        let headers = own_fields(headers, now);
        Received::Store(Box::new(Storing { fill: self, place, status, headers, born, lifetimes }))
    }

    /// Where a response goes that varies by these names; what it turned out to vary by, if that is news; or nowhere.
    fn place(&self, names: Vec<String>) -> Result<Place, Option<Varies>> {
        let settings = &self.engine.settings;
        let values = |names: &[String]| vary::values(&self.request, names, settings).ok_or(None);
        match &self.varies {
            None if names.is_empty() => Ok(Place::Own),
            None => {
                let values = values(&names)?;
                let varies = Varies { names, stamp: stamp() };
                if !self.engine.admits(varies.stamp, &values) {
                    return Err(None);
                }
                Ok(Place::Variant(Arc::new(varies), values))
            }
            Some(known) if names.iter().all(|name| known.names.contains(name)) => {
                let is_admitted = self.engine.admits(known.stamp, &values(&known.names)?);
                if is_admitted { Ok(Place::Own) } else { Err(None) }
            }
            Some(known) => {
                let mut all = [&*known.names, &*names].concat();
                all.sort_unstable();
                all.dedup();
                let fits = all.len() <= vary::NAMES;
                Err(fits.then(|| Varies { names: all, stamp: stamp() }))
            }
        }
    }

    /// Says that responses vary by more than was known. Nothing that was stored before is found any more.
    async fn vary_by(&self, varies: Varies, lifetimes: &Lifetimes) {
        if let Err(mut miss) = self.engine.lookup(&self.key, Mode::Refresh).await {
            miss.set_timeout(names_live(lifetimes));
            miss.finish_async(Record::Varies(Arc::new(varies))).await;
        }
    }

    /// Gives those who wait the old response; it is not stored again.
    async fn land_old(mut self, old: Arc<Page>) -> Arc<Page> {
        self.miss.reject();
        self.miss.finish_async(Record::Page(Arc::clone(&old))).await;
        old
    }

    /// Tells those who wait, and, if it lasts, those who come, that each is to ask the service.
    async fn pass(mut self, lasting: bool) -> Received {
        if lasting && self.old.is_none() {
            self.miss.set_timeout(self.engine.settings.pass_timeout);
        } else {
            self.miss.reject();
        }
        self.miss.finish_async(Record::Pass).await;
        Received::Pass
    }
}

impl Storing {
    /// The most bytes that the body may have.
    pub(crate) fn limit(&self) -> usize {
        self.fill.engine.settings.max_body
    }

    /// Stores the response.
    pub(crate) async fn finish(self, body: Bytes) -> Arc<Page> {
        let Self { fill, place, status, mut headers, born, lifetimes } = self;
        if status == StatusCode::OK && !headers.contains_key(ETAG) {
            // A tag is digits and quotes.
            headers.extend(HeaderValue::try_from(etag::of_body(&body)).ok().map(|tag| (ETAG, tag)));
        }
        let page = Arc::new(Page { status, headers, body, born, lifetimes });
        let Fill { engine, mut miss, key, .. } = *fill;
        // An age that it came with is not lived again.
        let lived = page.age(engine.now());
        let left = lifetimes.whole().map(|whole| whole.saturating_sub(lived));
        match place {
            Place::Own => {
                set_lifetime(&mut miss, left);
                miss.finish_async(Record::Page(Arc::clone(&page))).await;
            }
            Place::Variant(varies, values) => {
                let variant = key.with_variant(varies.stamp, values);
                if let Err(mut own) = engine.lookup(&variant, Mode::Refresh).await {
                    set_lifetime(&mut own, left);
                    own.finish_async(Record::Page(Arc::clone(&page))).await;
                }
                // Nobody finds the variant before this is stored, which it is not if the path was forgotten meanwhile.
                miss.set_timeout(names_live(&lifetimes));
                miss.finish_async(Record::Varies(varies)).await;
            }
        }
        page
    }

    /// The body is too long, or cannot be kept.
    pub(crate) async fn give_up(self) {
        self.fill.pass(true).await;
    }
}

fn set_lifetime(miss: &mut Miss<Kept>, lifetime: Option<Duration>) {
    match lifetime {
        // A lifetime that is over is none, not for ever.
        Some(lifetime) if lifetime.is_zero() => miss.reject(),
        Some(lifetime) => miss.set_timeout(lifetime),
        None => miss.set_timeout(0_u64),
    }
}

/// How long the names live that responses vary by: longer than the responses under them, as each takes them along.
fn names_live(lifetimes: &Lifetimes) -> Duration {
    lifetimes.whole().map_or(Duration::ZERO, |whole| whole.saturating_mul(4).max(Duration::from_secs(60)))
}

fn stamp() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}

/// The fields of a response that belong to it, with a date.
fn own_fields(headers: &HeaderMap, now: SystemTime) -> HeaderMap {
    let mut own = headers.clone();
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|line| list::members(line.as_bytes()).ok())
        .flat_map(|members| members.into_iter().map(|member| member.name.into_owned()).collect::<Vec<_>>())
        .collect();
    for name in HOP_BY_HOP.into_iter().chain(named.iter().map(String::as_str)) {
        own.remove(name);
    }
    own.remove(AGE);
    own.remove(CONTENT_LENGTH);
    if !own.contains_key(DATE) {
        // A date is ASCII.
        own.extend(HeaderValue::try_from(date::format(now)).ok().map(|date| (DATE, date)));
    }
    own
}
