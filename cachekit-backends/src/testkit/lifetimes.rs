//! How long entries live.

use std::time::{Duration, Instant};

use super::context::{Context, holds, same};
use super::{Case, Outcome, cases};
use crate::Capability;

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    let mut cases = cases![
        case_054_without_a_lifetime_an_entry_stays_with_one_it_goes,
        case_066_a_lifetime_of_more_than_thirty_days_is_one,
        case_210_an_entry_lives_as_long_as_it_was_told_to,
        case_241_an_expired_entry_does_not_block_add,
        case_242_an_expired_entry_is_not_there,
        case_335_any_lifetime_is_possible,
        a_lifetime_of_zero_is_over_at_once,
        an_expired_entry_cannot_be_deleted,
        set_replaces_the_lifetime,
        add_that_is_refused_leaves_the_lifetime,
        lifetimes_of_one_set_many_are_equal,
    ];
    if capability.manual_clock {
        cases.extend(cases![
            case_078_an_entry_expires_exactly_at_its_lifetime,
            an_immortal_entry_outlives_a_century
        ]);
    }
    if capability.manual_clock && capability.counts_entries {
        cases.extend(cases![expired_entries_are_not_counted]);
    }
    cases
}

/// What has no lifetime never expires; what has one does.
fn case_054_without_a_lifetime_an_entry_stays_with_one_it_goes(ctx: &Context) -> Outcome {
    ctx.set("immortal", b"spam")?;
    ctx.set_for("mortal", b"eggs", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("immortal", ctx.get("immortal")?, Some(b"spam".to_vec()))?;
    same("mortal", ctx.get("mortal")?, None)
}

/// A lifetime that is longer than thirty days is not taken for a date.
fn case_066_a_lifetime_of_more_than_thirty_days_is_one(ctx: &Context) -> Outcome {
    const DAY: Duration = Duration::from_secs(86_400);
    ctx.set_for("k", b"spam", Some(31 * DAY))?;
    ctx.set_for("year", b"eggs", Some(366 * DAY))?;
    same("k", ctx.get("k")?, Some(b"spam".to_vec()))?;
    same("year", ctx.get("year")?, Some(b"eggs".to_vec()))
}

/// An entry is there during its lifetime and not afterwards, however it was stored.
fn case_210_an_entry_lives_as_long_as_it_was_told_to(ctx: &Context) -> Outcome {
    let (start, lifetime) = (Instant::now(), 3 * ctx.tick());
    ctx.set_for("set", b"spam", Some(lifetime))?;
    same("add", ctx.backend.add(&ctx.key("added"), b"eggs", Some(lifetime))?, true)?;
    ctx.pass(ctx.tick());
    let found = (ctx.get("set")?, ctx.get("added")?);
    if ctx.must_be_alive(start, lifetime) {
        same("during the lifetime", found, (Some(b"spam".to_vec()), Some(b"eggs".to_vec())))?;
    }
    ctx.outlive(2 * ctx.tick());
    same("after the lifetime", (ctx.get("set")?, ctx.get("added")?), (None, None))
}

/// An expired entry is no entry for add.
fn case_241_an_expired_entry_does_not_block_add(ctx: &Context) -> Outcome {
    ctx.set_for("k", b"old", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("add", ctx.add("k", b"new")?, true)?;
    same("get", ctx.get("k")?, Some(b"new".to_vec()))
}

/// An expired entry is no entry for has.
fn case_242_an_expired_entry_is_not_there(ctx: &Context) -> Outcome {
    ctx.set_for("k", b"spam", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("has", ctx.has("k")?, false)
}

/// Lifetimes that no clock can add are as good as immortal, never an error and never over.
fn case_335_any_lifetime_is_possible(ctx: &Context) -> Outcome {
    for seconds in [10_000_000_000, u64::from(u32::MAX), u64::MAX / 1000, u64::MAX] {
        ctx.set_for("k", b"spam", Some(Duration::from_secs(seconds)))?;
        same(format!("after {seconds} s were set"), ctx.get("k")?, Some(b"spam".to_vec()))?;
    }
    ctx.set_for("k", b"spam", Some(Duration::MAX))?;
    same("after the longest lifetime was set", ctx.get("k")?, Some(b"spam".to_vec()))?;
    ctx.set_for("k", b"spam", Some(Duration::from_nanos(1)))?;
    ctx.outlive(ctx.tick());
    same("after the shortest lifetime", ctx.get("k")?, None)
}

/// A lifetime of zero is no lifetime, and does not mean for ever.
fn a_lifetime_of_zero_is_over_at_once(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    ctx.set_for("k", b"eggs", Some(Duration::ZERO))?;
    ctx.outlive(ctx.tick());
    same("get", ctx.get("k")?, None)
}

/// Delete finds no entry where it expired.
fn an_expired_entry_cannot_be_deleted(ctx: &Context) -> Outcome {
    ctx.set_for("k", b"spam", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("delete", ctx.delete("k")?, false)
}

/// Set replaces the lifetime as well as the value, in both directions.
fn set_replaces_the_lifetime(ctx: &Context) -> Outcome {
    ctx.set_for("freed", b"spam", Some(ctx.tick()))?;
    ctx.set("freed", b"spam")?;
    ctx.set("bounded", b"eggs")?;
    ctx.set_for("bounded", b"eggs", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("freed", ctx.get("freed")?, Some(b"spam".to_vec()))?;
    same("bounded", ctx.get("bounded")?, None)
}

/// A refused add changes nothing, not even the lifetime.
fn add_that_is_refused_leaves_the_lifetime(ctx: &Context) -> Outcome {
    let (start, lifetime) = (Instant::now(), 2 * ctx.tick());
    ctx.set("immortal", b"spam")?;
    ctx.set_for("mortal", b"eggs", Some(lifetime))?;
    same("add", ctx.backend.add(&ctx.key("immortal"), b"x", Some(ctx.tick()))?, false)?;
    let refused = !ctx.add("mortal", b"x")?;
    if ctx.must_be_alive(start, lifetime) {
        holds("add is refused where there is an entry", refused)?;
    }
    ctx.outlive(lifetime);
    same("immortal", ctx.get("immortal")?, Some(b"spam".to_vec()))?;
    if refused { same("mortal", ctx.get("mortal")?, None) } else { Ok(()) }
}

/// All items of one `set_many` have its lifetime.
fn lifetimes_of_one_set_many_are_equal(ctx: &Context) -> Outcome {
    let keys = ["a", "b", "c"].map(|name| ctx.key(name));
    let items = keys.each_ref().map(|key| (key.as_str(), &b"spam"[..]));
    ctx.backend.set_many(&items, Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    let keys = keys.each_ref().map(String::as_str);
    same("get_many", ctx.backend.get_many(&keys)?, vec![None; 3])
}

/// An entry is there until its lifetime is over, and not at that moment.
fn case_078_an_entry_expires_exactly_at_its_lifetime(ctx: &Context) -> Outcome {
    ctx.set_for("k", b"spam", Some(Duration::from_secs(2)))?;
    ctx.pass(Duration::from_millis(1999));
    same("a millisecond before", ctx.get("k")?, Some(b"spam".to_vec()))?;
    ctx.pass(Duration::from_millis(1));
    same("at the end", ctx.get("k")?, None)
}

/// What never expires is there after a hundred years.
fn an_immortal_entry_outlives_a_century(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    ctx.pass(Duration::from_secs(100 * 366 * 86_400));
    same("get", ctx.get("k")?, Some(b"spam".to_vec()))
}

/// The number of entries leaves the expired ones out.
fn expired_entries_are_not_counted(ctx: &Context) -> Outcome {
    ctx.set_for("mortal", b"spam", Some(ctx.tick()))?;
    ctx.set("immortal", b"eggs")?;
    same("entries", ctx.backend.entries(), Some(2))?;
    ctx.outlive(ctx.tick());
    same("entries after the lifetime", ctx.backend.entries(), Some(1))
}
