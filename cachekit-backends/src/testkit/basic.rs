//! One key at a time: get, set, add, has, delete.

use super::context::{Context, holds, same};
use super::{Case, Outcome, cases};
use crate::Capability;

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    let mut cases = cases![
        case_036_set_then_get,
        case_037_add_then_has,
        case_038_add_keeps_the_first_value,
        case_039_a_deleted_value_is_gone,
        case_050_delete_says_that_there_was_a_value,
        case_055_has_follows_set_and_delete,
        case_056_bytes_come_back_as_they_were,
        case_062_nothing_is_added_to_the_bytes,
        case_199_every_sample_comes_back,
        case_202_delete_then_get_is_none,
        case_206_add_keeps_what_is_there_and_stores_what_is_not,
        case_243_delete_of_a_missing_key_is_false,
        set_replaces_longer_and_shorter_values,
        a_value_may_be_empty,
        every_byte_is_kept,
        a_value_of_a_hundred_kilobytes_is_kept,
        a_value_of_a_mebibyte_is_kept_whole_or_refused,
        add_after_delete_stores,
        debug_shows_no_values,
        the_backend_has_a_name,
    ];
    if capability.counts_entries {
        cases.extend(cases![entries_counts_what_is_there]);
    }
    cases
}

/// What was set is what get gives.
fn case_036_set_then_get(ctx: &Context) -> Outcome {
    same("get before set", ctx.get("k")?, None)?;
    ctx.set("k", b"spam")?;
    same("get", ctx.get("k")?, Some(b"spam".to_vec()))
}

/// What was added is there.
fn case_037_add_then_has(ctx: &Context) -> Outcome {
    same("add", ctx.add("k", b"spam")?, true)?;
    same("has", ctx.has("k")?, true)
}

/// A second add changes nothing and says so.
fn case_038_add_keeps_the_first_value(ctx: &Context) -> Outcome {
    same("the first add", ctx.add("k", b"first")?, true)?;
    same("the second add", ctx.add("k", b"second")?, false)?;
    same("get", ctx.get("k")?, Some(b"first".to_vec()))
}

/// What was deleted is gone.
fn case_039_a_deleted_value_is_gone(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    ctx.delete("k")?;
    same("get", ctx.get("k")?, None)
}

/// Delete says that there was a value.
fn case_050_delete_says_that_there_was_a_value(ctx: &Context) -> Outcome {
    ctx.add("k", b"spam")?;
    same("delete", ctx.delete("k")?, true)?;
    same("get", ctx.get("k")?, None)
}

/// Has is true from set to delete, and only for the key that was set.
fn case_055_has_follows_set_and_delete(ctx: &Context) -> Outcome {
    same("has before set", ctx.has("k")?, false)?;
    ctx.set("k", b"spam")?;
    same("has", ctx.has("k")?, true)?;
    same("has of another key", ctx.has("other")?, false)?;
    ctx.delete("k")?;
    same("has after delete", ctx.has("k")?, false)
}

/// Bytes that are no text come back as they were.
fn case_056_bytes_come_back_as_they_were(ctx: &Context) -> Outcome {
    ctx.set("k", b"\xff\x00\xfe\x80")?;
    same("get", ctx.get("k")?, Some(b"\xff\x00\xfe\x80".to_vec()))
}

/// The backend adds nothing to values: what looks like a format of its own is a value like any other.
fn case_062_nothing_is_added_to_the_bytes(ctx: &Context) -> Outcome {
    for value in [&b"Awesome"[..], b"42", b"!", b"!\x80\x04K\x01.", b"0", b"nil"] {
        ctx.set("k", value)?;
        same("get", ctx.get("k")?, Some(value.to_vec()))?;
    }
    Ok(())
}

/// Each of the samples comes back.
fn case_199_every_sample_comes_back(ctx: &Context) -> Outcome {
    for (name, value) in SAMPLES {
        ctx.set(name, value)?;
        same(name, ctx.get(name)?, Some(value.to_vec()))?;
    }
    Ok(())
}

/// After delete, get gives nothing.
fn case_202_delete_then_get_is_none(ctx: &Context) -> Outcome {
    for (name, value) in SAMPLES {
        ctx.set(name, value)?;
        same(format!("delete of {name}"), ctx.delete(name)?, true)?;
        same(name, ctx.get(name)?, None)?;
    }
    Ok(())
}

/// Add leaves values that are there, and stores those that are not.
fn case_206_add_keeps_what_is_there_and_stores_what_is_not(ctx: &Context) -> Outcome {
    for (name, value) in SAMPLES {
        ctx.set(name, value)?;
        same(format!("add of {name}"), ctx.add(name, b"sausages")?, false)?;
        same(name, ctx.get(name)?, Some(value.to_vec()))?;
    }
    same("add of a new key", ctx.add("new", b"sausages")?, true)?;
    same("the new key", ctx.get("new")?, Some(b"sausages".to_vec()))
}

/// Delete says that there was no value.
fn case_243_delete_of_a_missing_key_is_false(ctx: &Context) -> Outcome {
    same("delete", ctx.delete("k")?, false)?;
    ctx.set("k", b"spam")?;
    ctx.delete("k")?;
    same("delete once more", ctx.delete("k")?, false)
}

/// Set replaces what is there, whatever its length.
fn set_replaces_longer_and_shorter_values(ctx: &Context) -> Outcome {
    for value in [&b"a value of some length"[..], b"short", b"longer again than that"] {
        ctx.set("k", value)?;
        same("get", ctx.get("k")?, Some(value.to_vec()))?;
    }
    Ok(())
}

/// The empty value is a value.
fn a_value_may_be_empty(ctx: &Context) -> Outcome {
    ctx.set("k", b"")?;
    same("get", ctx.get("k")?, Some(Vec::new()))?;
    same("has", ctx.has("k")?, true)?;
    same("add", ctx.add("k", b"spam")?, false)?;
    same("delete", ctx.delete("k")?, true)
}

/// All 256 bytes are kept, in every order of neighbours.
fn every_byte_is_kept(ctx: &Context) -> Outcome {
    let value: Vec<u8> = (0..=255).chain((0..=255).rev()).chain(*b"\r\n\r\nEND\r\n").collect();
    ctx.set("k", &value)?;
    same("get", ctx.get("k")?, Some(value))
}

/// A value of usual size is kept.
fn a_value_of_a_hundred_kilobytes_is_kept(ctx: &Context) -> Outcome {
    let value = pattern(100_000);
    ctx.set("k", &value)?;
    same("get", ctx.get("k")?, Some(value))
}

/// A large value is stored whole or refused by `false` or an error, and then nothing is there.
fn a_value_of_a_mebibyte_is_kept_whole_or_refused(ctx: &Context) -> Outcome {
    let value = pattern(1 << 20);
    let stored = ctx.backend.set_many(&[(&ctx.key("k"), &value)], None).is_ok_and(|stored| stored == [true]);
    same("get", ctx.get("k")?, stored.then_some(value))?;
    let must = ctx.capability.in_process;
    holds("a cache in this process stores a mebibyte", stored || !must)
}

/// A deleted key can be added.
fn add_after_delete_stores(ctx: &Context) -> Outcome {
    ctx.set("k", b"spam")?;
    ctx.delete("k")?;
    same("add", ctx.add("k", b"eggs")?, true)?;
    same("get", ctx.get("k")?, Some(b"eggs".to_vec()))
}

/// `Debug` shows what the backend is, not what it holds.
fn debug_shows_no_values(ctx: &Context) -> Outcome {
    ctx.set("k", b"a secret value")?;
    let text = format!("{:?}", ctx.backend);
    let bytes = format!("{:?}", b"a secret value").replace(['[', ']'], "");
    holds("no value in Debug", !text.contains("a secret value") && !text.contains(&bytes))
}

/// The backend says how configuration calls it.
fn the_backend_has_a_name(ctx: &Context) -> Outcome {
    holds("a name", !ctx.backend.name().is_empty())
}

/// The number of entries counts what is there: exactly where nobody else writes, at least that otherwise.
fn entries_counts_what_is_there(ctx: &Context) -> Outcome {
    for name in ["a", "b", "c"] {
        ctx.set(name, b"spam")?;
    }
    ctx.set("a", b"again")?;
    ctx.delete("b")?;
    let Some(found) = ctx.backend.entries() else {
        return Err("entries: expected a number, found none".to_owned().into());
    };
    if ctx.capability.manual_clock {
        same("entries", found, 2)
    } else {
        holds("2 entries or more", found >= 2)
    }
}

/// Values that the original suite stores, as a serializer might write them.
const SAMPLES: [(&str, &[u8]); 9] = [
    ("bool:false", b"\x00"),
    ("bool:true", b"\x01"),
    ("dict", b"{}"),
    ("str:spam", b"spam"),
    ("str:eggs", b"eggs"),
    ("int", b"2048"),
    ("list", b"[]"),
    ("list:nested", b"[[\"spam\"],[1]]"),
    ("zero", b"0"),
];

fn pattern(length: usize) -> Vec<u8> {
    // A period that divides no block size.
    (0..=250).cycle().take(length).collect()
}
