//! Storing only what nobody changed meanwhile.

use std::time::Instant;

use super::context::{Context, holds, same};
use super::{Case, Outcome, cases};
use crate::{Capability, Seen, Swap};

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    if !capability.compare_and_set {
        return Vec::new();
    }
    cases![
        where_nothing_was_seen_and_nothing_is_it_stores,
        where_nothing_was_seen_and_something_is_it_does_not,
        where_the_head_is_as_seen_it_stores,
        where_the_whole_value_was_seen_it_stores,
        where_an_empty_head_was_seen_any_entry_will_do,
        where_the_head_differs_it_does_not_store,
        where_less_is_there_than_was_seen_it_does_not_store,
        where_something_was_seen_and_nothing_is_it_does_not_store,
        an_expired_entry_counts_as_absent,
        what_it_stores_has_the_lifetime_it_was_given,
        what_it_refuses_keeps_its_lifetime,
        what_was_deleted_and_stored_again_is_compared_by_its_bytes,
        several_are_each_compared_for_themselves,
        several_are_made_in_their_order,
        several_have_their_own_lifetimes,
        of_several_each_goes_by_what_was_read,
        no_swaps_are_no_answers,
        five_hundred_swaps_in_one_operation,
    ]
}

/// Seeing nothing matches nothing.
fn where_nothing_was_seen_and_nothing_is_it_stores(ctx: &Context) -> Outcome {
    same("compare_and_set", ctx.compare_and_set("k", None, b"new")?, true)?;
    same("get", ctx.get("k")?, Some(b"new".to_vec()))
}

/// Seeing nothing does not match an entry, not even an empty one.
fn where_nothing_was_seen_and_something_is_it_does_not(ctx: &Context) -> Outcome {
    for value in [&b"there"[..], b""] {
        ctx.set("k", value)?;
        same("compare_and_set", ctx.compare_and_set("k", None, b"new")?, false)?;
        same("get", ctx.get("k")?, Some(value.to_vec()))?;
    }
    Ok(())
}

/// The bytes that were seen are the beginning of the value.
fn where_the_head_is_as_seen_it_stores(ctx: &Context) -> Outcome {
    ctx.set("k", b"head and tail")?;
    same("compare_and_set", ctx.compare_and_set("k", Some(b"head"), b"new")?, true)?;
    same("get", ctx.get("k")?, Some(b"new".to_vec()))
}

/// The beginning may be all of it, and may contain any byte.
fn where_the_whole_value_was_seen_it_stores(ctx: &Context) -> Outcome {
    let value: Vec<u8> = (0..=255).collect();
    ctx.set("k", &value)?;
    same("compare_and_set", ctx.compare_and_set("k", Some(&value), b"new")?, true)?;
    same("get", ctx.get("k")?, Some(b"new".to_vec()))
}

/// Every value begins with no bytes.
fn where_an_empty_head_was_seen_any_entry_will_do(ctx: &Context) -> Outcome {
    ctx.set("k", b"whatever")?;
    same("on an entry", ctx.compare_and_set("k", Some(b""), b"")?, true)?;
    same("on an empty entry", ctx.compare_and_set("k", Some(b""), b"new")?, true)?;
    same("get", ctx.get("k")?, Some(b"new".to_vec()))?;
    same("on no entry", ctx.compare_and_set("other", Some(b""), b"new")?, false)
}

/// Another beginning is another entry.
fn where_the_head_differs_it_does_not_store(ctx: &Context) -> Outcome {
    ctx.set("k", b"head and tail")?;
    for seen in [&b"tail"[..], b"Head", b"head and tail!", b"\0"] {
        same("compare_and_set", ctx.compare_and_set("k", Some(seen), b"new")?, false)?;
    }
    same("get", ctx.get("k")?, Some(b"head and tail".to_vec()))
}

/// A value that is shorter than what was seen is another.
fn where_less_is_there_than_was_seen_it_does_not_store(ctx: &Context) -> Outcome {
    ctx.set("k", b"he")?;
    same("compare_and_set", ctx.compare_and_set("k", Some(b"head"), b"new")?, false)?;
    same("get", ctx.get("k")?, Some(b"he".to_vec()))
}

/// Where the entry is gone, nothing is stored.
fn where_something_was_seen_and_nothing_is_it_does_not_store(ctx: &Context) -> Outcome {
    same("compare_and_set", ctx.compare_and_set("k", Some(b"head"), b"new")?, false)?;
    same("get", ctx.get("k")?, None)
}

/// An expired entry matches seeing nothing, and no bytes.
fn an_expired_entry_counts_as_absent(ctx: &Context) -> Outcome {
    ctx.set_for("a", b"head", Some(ctx.tick()))?;
    ctx.set_for("b", b"head", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("with bytes", ctx.compare_and_set("a", Some(b"head"), b"new")?, false)?;
    same("without", ctx.compare_and_set("b", None, b"new")?, true)?;
    same("get", (ctx.get("a")?, ctx.get("b")?), (None, Some(b"new".to_vec())))
}

/// What is stored so lives as long as it was told to.
fn what_it_stores_has_the_lifetime_it_was_given(ctx: &Context) -> Outcome {
    ctx.set("k", b"old")?;
    let lifetime = ctx.tick();
    same(
        "k",
        ctx.backend.compare_and_set(&ctx.key("k"), Some(Seen::new(b"old")), b"new", Some(lifetime))?,
        true,
    )?;
    same("new", ctx.backend.compare_and_set(&ctx.key("new"), None, b"new", Some(lifetime))?, true)?;
    ctx.outlive(lifetime);
    same("get", (ctx.get("k")?, ctx.get("new")?), (None, None))
}

/// A refusal changes nothing, not even the lifetime.
fn what_it_refuses_keeps_its_lifetime(ctx: &Context) -> Outcome {
    let (start, lifetime) = (Instant::now(), 2 * ctx.tick());
    ctx.set_for("mortal", b"old", Some(lifetime))?;
    ctx.set("immortal", b"old")?;
    same("mortal", ctx.compare_and_set("mortal", Some(b"other"), b"new")?, false)?;
    same(
        "immortal",
        ctx.backend.compare_and_set(&ctx.key("immortal"), None, b"new", Some(ctx.tick()))?,
        false,
    )?;
    let found = ctx.get("mortal")?;
    if ctx.must_be_alive(start, lifetime) {
        same("mortal", found, Some(b"old".to_vec()))?;
    }
    ctx.outlive(lifetime);
    same("get", (ctx.get("mortal")?, ctx.get("immortal")?), (None, Some(b"old".to_vec())))
}

/// Only the bytes are compared: the same bytes are the same entry, whoever stored them.
fn what_was_deleted_and_stored_again_is_compared_by_its_bytes(ctx: &Context) -> Outcome {
    ctx.set("k", b"bytes")?;
    ctx.delete("k")?;
    ctx.set("k", b"bytes")?;
    holds("the same bytes match", ctx.compare_and_set("k", Some(b"bytes"), b"new")?)
}

/// Several at once: each is stored where what is there is what was seen, whatever becomes of the others.
fn several_are_each_compared_for_themselves(ctx: &Context) -> Outcome {
    ctx.set("same", b"head 1")?;
    ctx.set("other", b"head 2")?;
    ctx.set("taken", b"")?;
    let keys = ["same", "other", "taken", "free", "gone"].map(|name| ctx.key(name));
    let seen = [Some("head"), Some("tail"), None, None, Some("head")];
    let swaps: Vec<_> = keys
        .iter()
        .zip(seen)
        .map(|(key, seen)| Swap::new(key, b"new").seen(seen.map(|seen| Seen::new(seen.as_bytes()))))
        .collect();
    let stored = ctx.backend.compare_and_set_many(&swaps)?;
    same("compare_and_set_many", stored, vec![true, false, false, true, false])?;
    let expected = [Some("new"), Some("head 2"), Some(""), Some("new"), None];
    for (name, expected) in ["same", "other", "taken", "free", "gone"].into_iter().zip(expected) {
        same(name, ctx.get(name)?, expected.map(|text| text.as_bytes().to_vec()))?;
    }
    Ok(())
}

/// A later one of the same key sees what the earlier one stored.
fn several_are_made_in_their_order(ctx: &Context) -> Outcome {
    let key = ctx.key("k");
    let swap =
        |seen: Option<&'static [u8]>, value: &'static [u8]| Swap::new(&key, value).seen(seen.map(Seen::new));
    let swaps = [swap(None, b"a"), swap(None, b"b"), swap(Some(b"a"), b"c"), swap(Some(b"a"), b"d")];
    let stored = ctx.backend.compare_and_set_many(&swaps)?;
    same("compare_and_set_many", stored, vec![true, false, true, false])?;
    same("get", ctx.get("k")?, Some(b"c".to_vec()))
}

/// Each lives as long as it was told to.
fn several_have_their_own_lifetimes(ctx: &Context) -> Outcome {
    ctx.set("old", b"old")?;
    let keys = ["short", "long", "old"].map(|name| ctx.key(name));
    let swaps = [
        Swap::new(&keys[0], b"v").lifetime(Some(ctx.tick())),
        Swap::new(&keys[1], b"v"),
        Swap::new(&keys[2], b"v").seen(Some(Seen::new(b"old"))).lifetime(Some(ctx.tick())),
    ];
    same("compare_and_set_many", ctx.backend.compare_and_set_many(&swaps)?, vec![true; 3])?;
    ctx.outlive(ctx.tick());
    same("has", (ctx.has("short")?, ctx.has("long")?, ctx.has("old")?), (false, true, false))
}

/// With the tokens that came with what was read, if any did: what others changed since is not replaced.
fn of_several_each_goes_by_what_was_read(ctx: &Context) -> Outcome {
    for name in ["a", "b", "c"] {
        ctx.set(name, b"head 1")?;
    }
    let keys = ["a", "b", "c", "d"].map(|name| ctx.key(name));
    let keys = keys.each_ref().map(String::as_str);
    let read = ctx.backend.read_many(&keys)?;
    ctx.set("b", b"head 2")?;
    ctx.delete("c")?;
    let swaps: Vec<_> = keys
        .iter()
        .zip(&read)
        .map(|(key, read)| {
            let seen = read.as_ref().map(|read| Seen::new(&read.value).token(read.token));
            Swap::new(key, b"new").seen(seen)
        })
        .collect();
    let stored = ctx.backend.compare_and_set_many(&swaps)?;
    same("compare_and_set_many", stored, vec![true, false, false, true])?;
    same("what is there", ctx.get("b")?, Some(b"head 2".to_vec()))
}

/// Nothing to do is done.
fn no_swaps_are_no_answers(ctx: &Context) -> Outcome {
    same("compare_and_set_many", ctx.backend.compare_and_set_many(&[])?, vec![])
}

/// Many at once are no different from few.
fn five_hundred_swaps_in_one_operation(ctx: &Context) -> Outcome {
    let keys: Vec<String> = (0..500).map(|n| ctx.key(&format!("key {n}"))).collect();
    for name in (0..500).step_by(5) {
        ctx.set(&format!("key {name}"), b"there")?;
    }
    let swaps: Vec<_> = keys.iter().map(|key| Swap::new(key, key.as_bytes())).collect();
    let expected: Vec<bool> = (0..500).map(|n| n % 5 != 0).collect();
    same("compare_and_set_many", ctx.backend.compare_and_set_many(&swaps)?, expected)?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let there = ctx.backend.get_many(&keys)?;
    let right = there
        .iter()
        .enumerate()
        .all(|(n, found)| found.as_deref() == Some(if n % 5 == 0 { b"there" } else { keys[n].as_bytes() }));
    holds("each is what was stored there", right)
}
