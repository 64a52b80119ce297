//! The hit ratio of the last minutes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::site::sites;
use crate::site::stats::SiteStats;
use crate::sync::{Mutex, MutexExt as _};

/// The time between two samples.
const PERIOD: Duration = Duration::from_secs(5);
/// So many are kept: ten minutes.
const SAMPLES: usize = 120;

/// Samples of all functions.
#[derive(Debug, Default)]
pub(super) struct History {
    functions: Mutex<HashMap<String, Samples>>,
}

/// The totals at the last sample, and the ratios between samples.
#[derive(Debug, Default)]
struct Samples {
    saved: u64,
    asked: u64,
    ratios: VecDeque<Option<u16>>,
}

impl History {
    /// Samples in a thread of its own until it is dropped.
    pub(super) fn start() -> Arc<Self> {
        let history = Arc::new(Self::default());
        let weak = Arc::downgrade(&history);
        let thread = std::thread::Builder::new().name("cachekit-stats".to_owned());
        if let Err(error) = thread.spawn(move || run(&weak)) {
            log::warn!("the page of statistics has no history: {error}");
        }
        history
    }

    /// The ratios of a function in thousandths, the last one last.
    pub(super) fn of(&self, function: &str) -> Vec<Option<u16>> {
        let functions = self.functions.locked();
        functions.get(function).map(|samples| samples.ratios.iter().copied().collect()).unwrap_or_default()
    }

    fn sample(&self, all: Vec<SiteStats>) {
        let mut functions = self.functions.locked();
        for stats in all {
            let saved = stats.hits + stats.coalesced;
            let asked = saved + stats.misses;
            let samples = functions.entry(stats.function).or_default();
            let (saved_now, asked_now) = (saved - samples.saved.min(saved), asked - samples.asked.min(asked));
            let ratio = (saved_now * 1000).checked_div(asked_now);
            samples.ratios.push_back(ratio.and_then(|ratio| u16::try_from(ratio).ok()));
            if samples.ratios.len() > SAMPLES {
                samples.ratios.pop_front();
            }
            (samples.saved, samples.asked) = (saved, asked);
        }
    }
}

fn run(history: &Weak<History>) {
    loop {
        std::thread::sleep(PERIOD);
        let Some(history) = history.upgrade() else { return };
        history.sample(sites());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_of_its_own_period() {
        let history = History::default();
        let mut stats = SiteStats { function: "f".to_owned(), ..SiteStats::default() };
        let mut ratios = |hits, misses| {
            (stats.hits, stats.misses) = (hits, misses);
            history.sample(vec![stats.clone()]);
            history.of("f")
        };
        assert_eq!(ratios(0, 0), [None]);
        assert_eq!(ratios(3, 1), [None, Some(750)]);
        assert_eq!(ratios(3, 2), [None, Some(750), Some(0)]);
        for _ in 0..SAMPLES {
            ratios(3, 2);
        }
        assert_eq!(ratios(4, 2).len(), SAMPLES);
        assert_eq!(history.of("f").last(), Some(&Some(1000)));
    }
}
