//! What a backend declares not to do: it says so when it is asked to, or does nothing in the way agreed upon.

use super::context::{Context, holds, same};
use super::{Case, Outcome, cases};
use crate::{Capability, ErrorKind};

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    let mut cases = cases![what_is_declared_agrees];
    if !capability.stores {
        cases.extend(cases![
            case_068_a_cache_that_keeps_nothing_has_nothing,
            case_220_222_223_it_gives_nothing,
            case_221_227_it_says_that_it_deleted,
            case_224_225_226_it_says_that_it_stored,
            case_228_it_can_be_cleared,
            case_229_230_it_counts_from_zero_each_time,
        ]);
    }
    if capability.stores && !capability.compare_and_set {
        cases.extend(cases![compare_and_set_is_unsupported]);
    }
    if !capability.counts_entries {
        cases.extend(cases![entries_are_not_known]);
    }
    cases
}

/// No declaration contradicts another.
fn what_is_declared_agrees(ctx: &Context) -> Outcome {
    let Capability { stores, in_process, shared, may_block, .. } = ctx.capability;
    holds("what keeps nothing declares nothing else", stores || ctx.capability == Capability::NONE)?;
    holds("what stays in this process is not shared with others", !(in_process && shared))?;
    holds("what stays in this process waits for nothing outside", !(in_process && may_block))?;
    same("the capability, asked again", ctx.backend.capability(), ctx.capability)
}

/// Nothing is there, whatever was set.
fn case_068_a_cache_that_keeps_nothing_has_nothing(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    same("has", ctx.has("k")?, false)
}

/// Every key is answered with nothing.
fn case_220_222_223_it_gives_nothing(ctx: &Context) -> Outcome {
    ctx.set("a", b"spam")?;
    let keys = ["a", "b", "c"].map(|name| ctx.key(name));
    let keys = keys.each_ref().map(String::as_str);
    same("get_many", ctx.backend.get_many(&keys)?, vec![None; 3])?;
    same("has_many", ctx.backend.has_many(&keys)?, vec![false; 3])
}

/// What is not there is as good as deleted.
fn case_221_227_it_says_that_it_deleted(ctx: &Context) -> Outcome {
    let keys = ["a", "b", "c"].map(|name| ctx.key(name));
    same("delete_many", ctx.backend.delete_many(&keys.each_ref().map(String::as_str))?, vec![true; 3])
}

/// A store or an add succeeds, so that callers need not know.
fn case_224_225_226_it_says_that_it_stored(ctx: &Context) -> Outcome {
    let keys = ["a", "b", "c"].map(|name| ctx.key(name));
    let items = keys.each_ref().map(|key| (key.as_str(), &b"spam"[..]));
    same("set_many", ctx.backend.set_many(&items, None)?, vec![true; 3])?;
    same("add", ctx.add("a", b"spam")?, true)?;
    same("add again", ctx.add("a", b"spam")?, true)?;
    same("compare_and_set", ctx.compare_and_set("a", None, b"spam")?, true)?;
    same("get", ctx.get("a")?, None)
}

/// Clear succeeds.
fn case_228_it_can_be_cleared(ctx: &Context) -> Outcome {
    Ok(ctx.backend.clear("")?)
}

/// Every counter begins at its delta, each time.
fn case_229_230_it_counts_from_zero_each_time(ctx: &Context) -> Outcome {
    same("up", ctx.increment("k", 10)?, 10)?;
    same("up again", ctx.increment("k", 10)?, 10)?;
    same("down", ctx.increment("k", -10)?, -10)
}

/// Without the capability the operation is refused, on any key, and changes nothing.
fn compare_and_set_is_unsupported(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    for (name, seen) in [("k", Some(&b"spam"[..])), ("k", None), ("new", None)] {
        let answer = ctx.backend.compare_and_set(&ctx.key(name), seen.map(crate::Seen::new), b"eggs", None);
        same("the error", answer.map_err(|e| e.kind()), Err(ErrorKind::Unsupported))?;
    }
    let keys = ["k", "new"].map(|name| ctx.key(name));
    let swaps = keys.each_ref().map(|key| crate::Swap::new(key, b"eggs"));
    let answer = ctx.backend.compare_and_set_many(&swaps);
    same("the error of several", answer.map_err(|e| e.kind()), Err(ErrorKind::Unsupported))?;
    same("get", (ctx.get("k")?, ctx.get("new")?), (Some(b"spam".to_vec()), None))
}

/// What is not counted is not guessed.
fn entries_are_not_known(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    same("entries", ctx.backend.entries(), None)
}
