//! Being told what changes.

use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant};

use super::context::{Context, holds, same};
use super::{Case, Outcome, cases};
use crate::sync::{Mutex, MutexExt as _};
use crate::{Capability, Listener, Watch};

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    if !capability.watches {
        return cases![what_cannot_be_watched_says_so];
    }
    cases![
        every_change_is_told,
        a_clear_is_told,
        the_prefix_is_no_pattern,
        several_listen_each_to_its_own,
        who_is_gone_hears_nothing,
    ]
}

/// A message takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a listener heard.
#[derive(Default)]
struct Heard {
    notes: Mutex<Notes>,
    noted: Condvar,
}

#[derive(Default)]
struct Notes {
    began: usize,
    ended: usize,
    keys: Vec<String>,
}

impl Heard {
    fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.notes.locked());
        self.noted.notify_all();
    }

    /// Whether something is noted before long.
    fn hears(&self, what: impl Fn(&Notes) -> bool) -> bool {
        let start = Instant::now();
        let mut notes = self.notes.locked();
        while !what(&notes) {
            let Some(left) = PATIENCE.checked_sub(start.elapsed()) else { return false };
            let waited = self.noted.wait_timeout(notes, left);
            notes = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        true
    }

    /// How often a key was told; once more for each time that everything was.
    fn told(notes: &Notes, key: &str) -> usize {
        notes.ended + notes.keys.iter().filter(|told| *told == key).count()
    }
}

impl Listener for Heard {
    fn began(&self) {
        self.note(|notes| notes.began += 1);
    }

    fn changed(&self, key: &str) {
        self.note(|notes| notes.keys.push(key.to_owned()));
    }

    fn ended(&self) {
        self.note(|notes| notes.ended += 1);
    }
}

impl Context {
    /// Has somebody listen to what changes under the keys whose names begin so.
    fn listen(&self, name: &str) -> Outcome<(Arc<Heard>, Watch)> {
        let heard = Arc::new(Heard::default());
        let watch = self.backend.watch(&self.key(name), Arc::clone(&heard) as Arc<dyn Listener>);
        let watch = watch.ok_or_else(|| "a watch was expected, there is none".to_owned())?;
        holds("it begins to tell", heard.hears(|notes| notes.began > 0))?;
        Ok((heard, watch))
    }

    /// Fails unless a change is told.
    #[track_caller]
    fn is_told(&self, heard: &Heard, name: &str, change: impl FnOnce() -> Outcome) -> Outcome {
        let key = self.key(name);
        let before = Heard::told(&heard.notes.locked(), &key);
        change()?;
        holds(format!("{name} is told"), heard.hears(|notes| Heard::told(notes, &key) > before))
    }
}

fn what_cannot_be_watched_says_so(ctx: &Context) -> Outcome {
    let watch = ctx.backend.watch(&ctx.key(""), Arc::new(Heard::default()));
    holds("no watch without the capability", watch.is_none())
}

/// Whoever changes it, and in whatever way: the listener is told of its own process's changes too.
fn every_change_is_told(ctx: &Context) -> Outcome {
    let (heard, _watch) = ctx.listen("")?;
    ctx.is_told(&heard, "new", || ctx.set("new", b"1"))?;
    ctx.is_told(&heard, "new", || ctx.set("new", b"2"))?;
    ctx.is_told(&heard, "new", || ctx.set_for("new", b"2", Some(Duration::from_secs(60))))?;
    ctx.is_told(&heard, "new", || same("delete", ctx.delete("new")?, true))?;
    ctx.is_told(&heard, "added", || same("add", ctx.add("added", b"1")?, true))?;
    ctx.is_told(&heard, "counted", || same("increment", ctx.increment("counted", 5)?, 5))?;
    ctx.is_told(&heard, "counted", || same("increment", ctx.increment("counted", 5)?, 10))?;
    if ctx.capability.compare_and_set {
        let swap = |seen| ctx.compare_and_set("swapped", seen, b"new");
        ctx.is_told(&heard, "swapped", || same("on nothing", swap(None)?, true))?;
        ctx.is_told(&heard, "swapped", || same("on something", swap(Some(b"n"))?, true))?;
    }
    let many = [ctx.key("one"), ctx.key("two")];
    let items = many.each_ref().map(|key| (key.as_str(), &b"1"[..]));
    ctx.is_told(&heard, "two", || same("set_many", ctx.backend.set_many(&items, None)?, vec![true; 2]))?;
    holds("one is told", heard.hears(|notes| Heard::told(notes, &many[0]) > 0))
}

/// One by one, or by saying that everything may have changed.
fn a_clear_is_told(ctx: &Context) -> Outcome {
    let (heard, _watch) = ctx.listen("")?;
    ctx.is_told(&heard, "a", || ctx.set("a", b"1"))?;
    ctx.is_told(&heard, "b", || ctx.set("b", b"1"))?;
    let b = ctx.key("b");
    let before = Heard::told(&heard.notes.locked(), &b);
    ctx.is_told(&heard, "a", || Ok(ctx.backend.clear(&ctx.key(""))?))?;
    holds("so is the other", heard.hears(|notes| Heard::told(notes, &b) > before))?;
    holds("it goes on to tell", heard.hears(|notes| notes.began > notes.ended))?;
    ctx.is_told(&heard, "a", || ctx.set("a", b"1"))
}

fn the_prefix_is_no_pattern(ctx: &Context) -> Outcome {
    for prefix in ["a*", "[ab]", "a?\\", "é "] {
        let (heard, _watch) = ctx.listen(prefix)?;
        let name = format!("{prefix}1");
        ctx.is_told(&heard, &name, || ctx.set(&name, b"1"))?;
    }
    Ok(())
}

fn several_listen_each_to_its_own(ctx: &Context) -> Outcome {
    let (one, _watch) = ctx.listen("one:")?;
    let (two, _watch) = ctx.listen("two:")?;
    ctx.is_told(&one, "one:k", || ctx.set("one:k", b"1"))?;
    ctx.is_told(&two, "two:k", || ctx.set("two:k", b"1"))?;
    ctx.is_told(&one, "one:k", || same("delete", ctx.delete("one:k")?, true))
}

/// What is told later to another one comes after what it would have heard.
fn who_is_gone_hears_nothing(ctx: &Context) -> Outcome {
    let (gone, watch) = ctx.listen("")?;
    let (there, _watch) = ctx.listen("")?;
    ctx.is_told(&gone, "k", || ctx.set("k", b"1"))?;
    drop(watch);
    // What was under way when it went may still come.
    ctx.is_told(&there, "k", || ctx.set("k", b"2"))?;
    ctx.is_told(&there, "k", || ctx.set("k", b"3"))?;
    let key = ctx.key("k");
    let before = Heard::told(&gone.notes.locked(), &key);
    for _ in 0..10 {
        ctx.is_told(&there, "k", || ctx.set("k", b"4"))?;
    }
    let after = Heard::told(&gone.notes.locked(), &key);
    same("what it heard since it is gone", after - before, 0)
}
