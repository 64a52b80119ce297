//! The figures of the page.

use std::time::Duration;

use cachekit_backends::{BreakerState, ServerHealth};

use super::history::History;
use crate::registry;
use crate::site::all_sites;
use crate::site::stats::SiteStats;

/// All of them, at one time.
pub(super) struct Figures {
    pub(super) functions: Vec<Function>,
    pub(super) caches: Vec<CacheFigures>,
    pub(super) may_forget: bool,
}

/// One annotated function.
pub(super) struct Function {
    pub(super) stats: SiteStats,
    /// The time that hits would have taken, by the mean of those that were computed.
    pub(super) saved: Duration,
    /// The hit ratio in thousandths of each of the last periods; `None` where nothing was asked.
    pub(super) history: Vec<Option<u16>>,
    /// The name of its cache.
    pub(super) cache: String,
    /// Whether its values decide on tags.
    pub(super) value_tags: bool,
    /// Whether it can be forgotten as a whole.
    pub(super) can_be_forgotten: bool,
}

/// One installed cache.
pub(super) struct CacheFigures {
    pub(super) name: String,
    pub(super) backend: &'static str,
    pub(super) entries: Option<usize>,
    /// Entries that were not taken for values.
    pub(super) refused: u64,
    /// Invalidations that failed and are tried again.
    pub(super) waiting: usize,
    /// The servers behind it.
    pub(super) servers: Vec<ServerHealth>,
}

impl Figures {
    pub(super) fn now(history: &History, may_forget: bool) -> Self {
        let functions = all_sites().into_iter().map(|site| {
            let stats = site.stats();
            Function {
                saved: saved(&stats),
                history: history.of(&stats.function),
                cache: site.options.cache_name.unwrap_or(registry::DEFAULT).to_owned(),
                value_tags: site.options.value_tags,
                can_be_forgotten: site.can_be_forgotten(),
                stats,
            }
        });
        let functions: Vec<Function> = functions.collect();
        // What is in this process is in tables of the functions, beside what is set by key.
        let in_tables = |name: &str| {
            let own = functions.iter().filter(|function| function.cache == name);
            own.filter_map(|function| function.stats.entries).sum::<usize>()
        };
        let caches = registry::all().into_iter().map(|(name, cache)| CacheFigures {
            backend: cache.backend().name(),
            entries: match cache.backend().entries() {
                Some(own) if cache.core.capability.in_process => Some(own + in_tables(&name)),
                own => own,
            },
            name,
            refused: cache.refusals().total(),
            waiting: cache.recovery().waiting,
            servers: cache.health(),
        });
        let caches = caches.collect();
        Self { functions, caches, may_forget }
    }
}

impl CacheFigures {
    /// The tags that calls of its functions have, each once.
    pub(super) fn tags<'a>(&self, functions: &'a [Function]) -> Vec<&'a str> {
        let own = functions.iter().filter(|function| function.cache == self.name);
        let mut tags: Vec<&str> = own.flat_map(|function| function.stats.tags).copied().collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

/// What is done about a server, in words.
pub(super) fn doing(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Open => "left alone for a moment (breaker open)",
        BreakerState::HalfOpen => "being tried again (breaker half-open)",
        _ => "asked as usual (breaker closed)",
    }
}

fn saved(stats: &SiteStats) -> Duration {
    let (computed, spared) = (stats.misses, stats.hits + stats.coalesced);
    if computed == 0 {
        return Duration::ZERO;
    }
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let factor = spared as f64 / computed as f64;
    Duration::try_from_secs_f64(stats.compute_time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_what_it_would_have_taken() {
        let mut stats = SiteStats::default();
        assert_eq!(saved(&stats), Duration::ZERO);
        stats.misses = 4;
        stats.compute_time = Duration::from_secs(2);
        stats.hits = 9;
        stats.coalesced = 1;
        assert_eq!(saved(&stats), Duration::from_secs(5));
    }
}
