//! What becomes of a request: it passes, or is looked up, answered, or computed by one for all.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cachekit_backends::{Clock, OwnedKey, State, Timeout};
use http::header::{
    AUTHORIZATION, HOST, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Uri};

use super::fill::Fill;
use super::key::PageKey;
use super::page::{Page, Record};
use super::rules::age::ttl;
use super::rules::cache_control::Directives;
use super::rules::cache_status::Forward;
use super::rules::vary;
use super::settings::Settings;
use crate::call::{Miss, Mode, accept, lookup, peek};
use crate::request::{is_host, query};
use crate::site::stats::count;
use crate::site::{Site, Types};
use crate::sync::{Mutex, MutexExt as _};
use crate::value::{Kind, PlainKind as _, Portable, Whole};

/// How records are kept.
pub(super) type Kept = Portable<Whole<Record>>;

/// How often a key may lead to another one.
const LOOKS: usize = 4;

/// The most lists of names whose variants are counted at a time.
const COUNTED: usize = 4096;

/// The settings, and what this process knows of the computations.
pub(crate) struct Engine {
    pub(crate) site: &'static Site,
    pub(crate) settings: Settings,
    /// What is being computed again while it is served.
    refreshing: Mutex<HashSet<OwnedKey>>,
    /// The variants that were stored, by the stamp of their names.
    variants: Mutex<HashMap<u64, HashSet<u64>>>,
}

/// What is to be done with a request, before anything is looked up.
pub(crate) enum Plan {
    /// Let it pass.
    Pass(Forward),
    /// Let it pass, and forget this path if it succeeds: it was changed.
    Change(String),
    /// Look.
    Look(Box<Asked>),
}

/// A request that is looked up.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) key: PageKey,
    pub(crate) is_head: bool,
    pub(crate) authorized: bool,
    /// What its `Cache-Control` says, where that is obeyed.
    pub(crate) directives: Directives,
}

/// What looking led to.
pub(crate) enum Looked {
    /// Serve this.
    Hit(Arc<Page>),
    /// Serve this, and compute it again; or, where nothing can be done beside requests, serve what that gives.
    Stale(
        #[cfg_attr(not(feature = "tower"), allow(dead_code, reason = "only tower is given an executor"))]
        Arc<Page>,
        Box<Fill>,
    ),
    /// Compute it.
    Miss(Box<Fill>),
    /// Let the request pass.
    Pass(Forward),
    /// There is nothing, and nothing may be computed.
    NotCached,
}

impl Engine {
    pub(super) fn new(settings: Settings) -> Self {
        // Leaked on purpose: one for each cache of a program. Sites are listed for ever.
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let path = leak(format!("http/{}", settings.name));
        let mut site = Site::memoize::<()>(path, "", 0).max_size(settings.max_entries);
        if let Some(cache) = &settings.cache {
            site = site.cache_name(leak(cache.clone()));
        }
        Self {
            site: Box::leak(Box::new(site)),
            settings,
            refreshing: Mutex::default(),
            variants: Mutex::default(),
        }
    }

    /// What is to be done with a request.
    pub(crate) fn plan(&self, method: &Method, uri: &Uri, headers: &HeaderMap, has_body: bool) -> Plan {
        let is_head = *method == Method::HEAD;
        if !is_head && *method != Method::GET {
            return match method.as_str() {
                "OPTIONS" | "TRACE" => self.pass(Forward::Method),
                _ => {
                    count(&self.site.counters.bypasses);
                    Plan::Change(uri.path().to_owned())
                }
            };
        }
        // A body may shape the answer, and is no part of the key.
        let is_odd = has_body || headers.contains_key(TRANSFER_ENCODING);
        // Those who want a part, only what was not changed, or another protocol are the service's.
        let is_partial = [RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE]
            .iter()
            .any(|name| headers.contains_key(name));
        let authorized = headers.contains_key(AUTHORIZATION);
        let unless = self.settings.unless.as_ref().is_some_and(|unless| unless(method, uri, headers));
        if is_odd || is_partial || unless || (authorized && !self.settings.authorized) {
            return self.pass(Forward::Bypass);
        }
        let directives =
            if self.settings.obeys_request { Directives::of_request(headers) } else { Directives::default() };
        if directives.no_store {
            return self.pass(Forward::Request);
        }
        let host = if self.settings.by_host { host(uri, headers) } else { Some(String::new()) };
        let Some(host) = host else { return self.pass(Forward::Bypass) };
        let query =
            uri.query().map_or_else(String::new, |query| query::sorted(query, &self.settings.ignored_query));
        let key = PageKey { path: uri.path().to_owned(), host, query, variant: None };
        Plan::Look(Box::new(Asked { key, is_head, authorized, directives }))
    }

    fn pass(&self, why: Forward) -> Plan {
        count(&self.site.counters.bypasses);
        Plan::Pass(why)
    }

    /// Looks for the answer to a request.
    pub(crate) async fn look(self: &Arc<Self>, asked: &Asked, headers: &HeaderMap) -> Looked {
        if asked.is_head || asked.directives.only_if_cached {
            return self.look_only(asked, headers).await;
        }
        let (mut key, mut varies) = (asked.key.clone(), None);
        let fill = |miss, why, varies, old| {
            Box::new(Fill::new(self, miss, asked, varies, headers.clone(), why, old))
        };
        for _ in 0..LOOKS {
            let missing = if varies.is_some() { Forward::VaryMiss } else { Forward::UriMiss };
            match self.lookup(&key, Mode::Checked).await {
                Err(miss) => return Looked::Miss(fill(miss, missing, varies, None)),
                Ok(Record::Pass) => {
                    return match self.lookup(&key, Mode::Refresh).await {
                        Err(miss) => Looked::Miss(fill(miss, missing, varies, None)),
                        Ok(_) => Looked::Pass(missing),
                    };
                }
                Ok(Record::Varies(by)) => {
                    let Some(values) = vary::values(headers, &by.names, &self.settings) else {
                        return Looked::Pass(Forward::VaryMiss);
                    };
                    key = asked.key.with_variant(by.stamp, values);
                    varies = Some(by);
                }
                Ok(Record::Page(page)) => {
                    let age = page.age(self.now());
                    let state = page.lifetimes.state(age);
                    let is_wanted = asked.accepts(&page, age);
                    match state {
                        Some(State::Fresh) if is_wanted => return self.hit(&key, page),
                        Some(State::Fresh) => {
                            return match self.lookup(&key, Mode::Refresh).await {
                                Err(miss) => Looked::Miss(fill(miss, Forward::Request, varies, None)),
                                Ok(_) => Looked::Pass(Forward::Request),
                            };
                        }
                        Some(State::Stale) if is_wanted => {
                            let Some(refreshing) = Refreshing::begin(self, &key) else {
                                return self.hit(&key, page);
                            };
                            return match self.lookup(&key, Mode::Refresh).await {
                                Err(miss) => {
                                    let mut fill =
                                        fill(miss, Forward::Stale, varies, Some(Arc::clone(&page)));
                                    fill.refreshing = Some(refreshing);
                                    Looked::Stale(page, fill)
                                }
                                Ok(_) => self.hit(&key, page),
                            };
                        }
                        Some(State::Stale | State::Grace) | None => {
                            let old = state.map(|_| Arc::clone(&page));
                            match self.lookup(&key, Mode::Stale).await {
                                Err(miss) => return Looked::Miss(fill(miss, Forward::Stale, varies, old)),
                                // What another caller was given, be it new or the old one.
                                Ok(Record::Page(page)) => return self.hit(&key, page),
                                Ok(_) => return Looked::Pass(Forward::Stale),
                            }
                        }
                    }
                }
            }
        }
        Looked::Pass(Forward::Bypass)
    }

    /// Looks, and computes nothing.
    async fn look_only(&self, asked: &Asked, headers: &HeaderMap) -> Looked {
        let nothing =
            if asked.directives.only_if_cached { Looked::NotCached } else { Looked::Pass(Forward::UriMiss) };
        let mut key = asked.key.clone();
        for _ in 0..LOOKS {
            match peek(self.site, Types::NONE, kept(), key.clone()).resolve_async().await {
                Some(Record::Page(page)) => {
                    let age = page.age(self.now());
                    let is_served = matches!(page.lifetimes.state(age), Some(State::Fresh | State::Stale));
                    return if is_served && asked.accepts(&page, age) {
                        self.hit(&key, page)
                    } else {
                        nothing
                    };
                }
                Some(Record::Varies(by)) => {
                    let Some(values) = vary::values(headers, &by.names, &self.settings) else {
                        return nothing;
                    };
                    key = asked.key.with_variant(by.stamp, values);
                }
                Some(Record::Pass) | None => return nothing,
            }
        }
        nothing
    }

    fn hit(&self, key: &PageKey, page: Arc<Page>) -> Looked {
        accept(self.site, Types::NONE, || key.clone());
        Looked::Hit(page)
    }

    pub(super) async fn lookup(&self, key: &PageKey, mode: Mode) -> Result<Record, Miss<Kept>> {
        lookup(self.site, Types::NONE, kept(), key.clone(), mode).resolve_async().await
    }

    /// The time of day, by the clock of the cache.
    pub(crate) fn now(&self) -> SystemTime {
        self.site.cache().map_or_else(|_| SystemTime::now(), |cache| cache.core.clock.wall())
    }

    /// How long a response is fresh that does not say so.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let timeout = self.settings.timeout;
        self.site.cache().map_or_else(
            |_| timeout.or_default(Timeout::Default, &Clock::SYSTEM),
            |cache| timeout.or_default(cache.core.default_timeout, &cache.core.clock),
        )
    }

    /// Whether one more variant may be stored under the names of a stamp.
    pub(super) fn admits(&self, stamp: u64, values: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        values.hash(&mut hasher);
        let mut variants = self.variants.locked();
        if variants.len() >= COUNTED && !variants.contains_key(&stamp) {
            variants.clear();
        }
        let known = variants.entry(stamp).or_default();
        let value = hasher.finish();
        known.contains(&value) || (known.len() < self.settings.max_variants && known.insert(value))
    }
}

impl Asked {
    /// Whether a stored response is what the request's `Cache-Control` wants.
    fn accepts(&self, page: &Page, age: Duration) -> bool {
        let wants = &self.directives;
        let seconds = Duration::from_secs;
        let left = ttl(&page.lifetimes, age).unwrap_or(i64::MAX);
        !wants.no_cache
            && wants.max_age.is_none_or(|most| age <= seconds(most) && most > 0)
            && wants.min_fresh.is_none_or(|least| left >= i64::try_from(least).unwrap_or(i64::MAX))
    }
}

fn kept() -> Kept {
    Kind::<Record>::NEW.plain().portable()
}

/// The host that a request is for, in lower case; `None` if it names none that could be one, or two: a service that
/// believes the other one would answer for it.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok()?),
        (Some(_), Some(_)) => return None,
    };
    let named = match (uri.authority(), line) {
        (Some(authority), Some(line)) if !authority.as_str().eq_ignore_ascii_case(line) => return None,
        (Some(authority), _) => authority.as_str(),
        (None, line) => line.unwrap_or_default(),
    };
    is_host(named).then(|| named.to_ascii_lowercase())
}

/// Keeps others from computing the same again meanwhile.
pub(super) struct Refreshing {
    engine: Arc<Engine>,
    key: OwnedKey,
}

impl Refreshing {
    fn begin(engine: &Arc<Engine>, key: &PageKey) -> Option<Self> {
        let key = OwnedKey::of(key);
        let is_first = engine.refreshing.locked().insert(key.clone());
        is_first.then(|| Self { engine: Arc::clone(engine), key })
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.engine.refreshing.locked().remove(&self.key);
    }
}
