//! Backends that break one rule each, to see that the kit notices.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use cachekit::testkit::{Target, trials};
use cachekit::{Backend, Capability, Error, ErrorKind, Listener, Result, Seen, SimpleCache, Swap, Watch};

/// What is wrong with a backend, and the trial that says so.
const DEFECTS: [(Defect, &str); 23] = [
    (Defect::AddReplaces, "case_038_add_keeps_the_first_value"),
    (Defect::AddForgetsLifetime, "case_210_an_entry_lives_as_long_as_it_was_told_to"),
    (Defect::DeleteAlwaysTrue, "case_243_delete_of_a_missing_key_is_false"),
    (Defect::AnswersReversed, "case_047_values_come_in_the_order_of_the_keys"),
    (Defect::EmptyIsAbsent, "a_value_may_be_empty"),
    (Defect::ValuesTrimmed, "every_byte_is_kept"),
    (Defect::LargeValuesCut, "a_value_of_a_mebibyte_is_kept_whole_or_refused"),
    (Defect::LifetimeInWholeSeconds, "case_078_an_entry_expires_exactly_at_its_lifetime"),
    (Defect::ImmortalFor300Seconds, "an_immortal_entry_outlives_a_century"),
    (Defect::LongLifetimesFail, "case_335_any_lifetime_is_possible"),
    (Defect::CountingResetsLifetime, "a_counter_keeps_its_lifetime"),
    (Defect::CountingWraps, "a_sum_that_does_not_fit_is_refused"),
    (Defect::CountingTears, "case_245_no_increment_is_lost"),
    (Defect::ClearIsAPattern, "special_characters_in_the_prefix_mean_themselves"),
    (Defect::ClearMissesCounters, "clear_reaches_counters_and_what_was_added"),
    (Defect::KeysUpToSpace, "keys_that_look_alike_are_different"),
    (Defect::KeysCutAt250, "long_keys_that_differ_at_the_end_are_different"),
    (Defect::ComparesWholeValues, "where_the_head_is_as_seen_it_stores"),
    (Defect::SwapsGoTogether, "several_are_each_compared_for_themselves"),
    (Defect::TwinsDisagree, "add_answers_alike"),
    (Defect::Panics, "no_keys_are_no_answers"),
    (Defect::TellsNoDeletions, "every_change_is_told"),
    (Defect::TellsThoseWhoAreGone, "who_is_gone_hears_nothing"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Defect {
    AddReplaces,
    AddForgetsLifetime,
    DeleteAlwaysTrue,
    AnswersReversed,
    EmptyIsAbsent,
    ValuesTrimmed,
    LargeValuesCut,
    LifetimeInWholeSeconds,
    ImmortalFor300Seconds,
    LongLifetimesFail,
    CountingResetsLifetime,
    CountingWraps,
    CountingTears,
    ClearIsAPattern,
    ClearMissesCounters,
    KeysUpToSpace,
    KeysCutAt250,
    ComparesWholeValues,
    SwapsGoTogether,
    TwinsDisagree,
    Panics,
    TellsNoDeletions,
    TellsThoseWhoAreGone,
}

/// One test for each defect: the trial that is meant to find it finds it.
pub(crate) fn tests() -> impl Iterator<Item = (String, impl FnOnce() -> Result<(), String> + Send + 'static)>
{
    DEFECTS.into_iter().map(|(defect, trial)| {
        (format!("the_kit_finds::{defect:?}"), move || {
            let target = Target::new("Broken", move |clock| {
                Ok(Arc::new(Broken {
                    inner: SimpleCache::builder().threshold(10_000).clock(clock).build(),
                    defect,
                    listeners: Mutex::default(),
                }))
            });
            let found = trials(&target).into_iter().find(|found| found.name.ends_with(trial));
            let found = found.ok_or_else(|| format!("there is no trial {trial}"))?;
            match (found.run)() {
                Err(_) => Ok(()),
                Ok(()) => Err(format!("{trial} did not find {defect:?}")),
            }
        })
    })
}

/// Who listens, and whether it is still there.
type Listening = (Arc<dyn Listener>, Weak<()>);

struct Broken {
    inner: SimpleCache,
    defect: Defect,
    listeners: Mutex<Vec<Listening>>,
}

impl Broken {
    fn tell(&self, key: &str) {
        let tells_all = self.is(Defect::TellsThoseWhoAreGone);
        let listeners = self.listeners.lock().map(|listeners| listeners.clone()).unwrap_or_default();
        for (listener, _) in listeners.iter().filter(|(_, is_there)| tells_all || is_there.strong_count() > 0)
        {
            listener.changed(key);
        }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn key<'a>(&self, key: &'a str) -> &'a str {
        match self.defect {
            Defect::KeysUpToSpace => key.split(' ').next().unwrap_or(key),
            Defect::KeysCutAt250 => key.get(..250).unwrap_or(key),
            _ => key,
        }
    }

    fn keys<'a>(&self, keys: &[&'a str]) -> Vec<&'a str> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    fn lifetime(&self, lifetime: Option<Duration>) -> Result<Option<Duration>> {
        match (self.defect, lifetime) {
            (Defect::LifetimeInWholeSeconds, Some(lifetime)) => {
                Ok(Some(Duration::from_secs(lifetime.as_secs() + 1)))
            }
            (Defect::ImmortalFor300Seconds, None) => Ok(Some(Duration::from_secs(300))),
            (Defect::LongLifetimesFail, Some(lifetime)) if lifetime.as_secs() > 4_000_000_000 => {
                Err(Error::new(ErrorKind::Invalid, "too long"))
            }
            (_, lifetime) => Ok(lifetime),
        }
    }
}

impl Backend for Broken {
    fn name(&self) -> &'static str {
        "Broken"
    }

    fn capability(&self) -> Capability {
        let mut capability = self.inner.capability();
        capability.watches = matches!(self.defect, Defect::TellsNoDeletions | Defect::TellsThoseWhoAreGone);
        capability
    }

    fn watch(&self, _: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        if !self.capability().watches {
            return None;
        }
        let keeper = Arc::new(());
        self.listeners.lock().ok()?.push((Arc::clone(&listener), Arc::downgrade(&keeper)));
        listener.began();
        Some(Watch::new(keeper))
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        assert!(!(self.is(Defect::Panics) && keys.is_empty()), "no keys");
        let mut found = self.inner.get_many(&self.keys(keys))?;
        if self.is(Defect::AnswersReversed) {
            found.reverse();
        }
        if self.is(Defect::EmptyIsAbsent) {
            found = found.into_iter().map(|value| value.filter(|value| !value.is_empty())).collect();
        }
        Ok(found)
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        let items: Vec<(&str, &[u8])> = items
            .iter()
            .map(|(key, value)| {
                let value = match self.defect {
                    Defect::ValuesTrimmed => value.trim_ascii(),
                    Defect::LargeValuesCut => value.get(..1 << 19).unwrap_or(value),
                    _ => value,
                };
                (self.key(key), value)
            })
            .collect();
        let stored = self.inner.set_many(&items, self.lifetime(lifetime)?)?;
        for (key, _) in items {
            self.tell(key);
        }
        Ok(stored)
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        if self.is(Defect::AddReplaces) {
            return Ok(self.set_many(&[(key, value)], lifetime)? == [true]);
        }
        let lifetime = if self.is(Defect::AddForgetsLifetime) { None } else { lifetime };
        self.inner.add(self.key(key), value, lifetime)
    }

    fn add_async<'a>(
        &'a self,
        key: &'a str,
        value: &'a [u8],
        lifetime: Option<Duration>,
    ) -> cachekit::Answer<'a, Result<bool>> {
        let added = self.add(key, value, lifetime);
        cachekit::Answer::later(async move { if self.is(Defect::TwinsDisagree) { Ok(true) } else { added } })
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        if self.is(Defect::ComparesWholeValues)
            && seen.map(|seen| seen.head) != self.get_many(&[key])?[0].as_deref()
        {
            return Ok(false);
        }
        self.inner.compare_and_set(self.key(key), seen, value, lifetime)
    }

    fn compare_and_set_many(&self, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        let mut stored = Vec::with_capacity(swaps.len());
        for swap in swaps {
            let before = !self.is(Defect::SwapsGoTogether) || stored.iter().all(|stored| *stored);
            stored.push(before && self.compare_and_set(swap.key, swap.seen, swap.value, swap.lifetime)?);
        }
        Ok(stored)
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let deleted = self.inner.delete_many(&self.keys(keys))?;
        Ok(if self.is(Defect::DeleteAlwaysTrue) { vec![true; keys.len()] } else { deleted })
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        if matches!(
            self.defect,
            Defect::CountingResetsLifetime | Defect::CountingWraps | Defect::CountingTears
        ) {
            let old = self.inner.get_many(&[key])?.remove(0);
            std::thread::yield_now();
            let old =
                old.and_then(|text| String::from_utf8(text).ok()?.parse::<i64>().ok()).unwrap_or_default();
            let sum = old.wrapping_add(delta);
            self.inner.set_many(&[(key, sum.to_string().as_bytes())], lifetime)?;
            return Ok(sum);
        }
        self.inner.increment(self.key(key), delta, lifetime)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        match self.defect {
            Defect::ClearIsAPattern => self.inner.clear(prefix.split('*').next().unwrap_or(prefix)),
            Defect::ClearMissesCounters => {
                let counter = format!("{prefix}counter");
                let count = self.inner.get_many(&[&counter])?.remove(0);
                self.inner.clear(prefix)?;
                count.map_or(Ok(()), |count| self.inner.set_many(&[(&counter, &count)], None).map(drop))
            }
            _ => self.inner.clear(prefix),
        }
    }

    fn entries(&self) -> Option<usize> {
        self.inner.entries()
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("defect", &self.defect).finish_non_exhaustive()
    }
}
