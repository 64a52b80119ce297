//! Integers that are counted up and down in place.

use std::time::Instant;

use super::context::{Context, same};
use super::{Case, Outcome, cases};
use crate::ErrorKind;

pub(super) fn cases() -> Vec<Case> {
    cases![
        case_052_up_and_down,
        case_208_a_value_that_was_set_can_be_counted,
        case_340_text_cannot_be_counted,
        a_missing_counter_begins_at_the_delta,
        a_counter_is_decimal_text,
        a_counter_may_be_negative_and_of_any_size,
        a_sum_that_does_not_fit_is_refused,
        a_counter_keeps_its_lifetime,
        a_new_counter_has_the_lifetime_it_was_given,
        an_expired_counter_begins_anew,
        a_delta_of_zero_reads_the_counter,
    ]
}

/// A counter goes up and down, and is a value like others.
fn case_052_up_and_down(ctx: &Context) -> Outcome {
    ctx.set("k", b"1")?;
    same("up", ctx.increment("k", 1)?, 2)?;
    same("get", ctx.get("k")?, Some(b"2".to_vec()))?;
    same("down", ctx.increment("k", -1)?, 1)?;
    same("get", ctx.get("k")?, Some(b"1".to_vec()))?;
    same("delete", ctx.delete("k")?, true)
}

/// Values that were set are counted on from.
fn case_208_a_value_that_was_set_can_be_counted(ctx: &Context) -> Outcome {
    ctx.set("k", b"10")?;
    same("+5", ctx.increment("k", 5)?, 15)?;
    same("-3", ctx.increment("k", -3)?, 12)?;
    same("get", ctx.get("k")?, Some(b"12".to_vec()))
}

/// What is no integer in its usual form is an error of the kind `Type`, and is left as it is.
fn case_340_text_cannot_be_counted(ctx: &Context) -> Outcome {
    for text in [
        "spam",
        "",
        "1.5",
        "1e3",
        " 5",
        "5 ",
        "+5",
        "05",
        "-",
        "--5",
        "-0",
        "5\n",
        "0x10",
        "9223372036854775808",
    ] {
        ctx.set("k", text.as_bytes())?;
        let answer = ctx.backend.increment(&ctx.key("k"), 1, None);
        same(format!("the error for {text:?}"), answer.map_err(|e| e.kind()), Err(ErrorKind::Type))?;
        same("get", ctx.get("k")?, Some(text.as_bytes().to_vec()))?;
    }
    ctx.set("k", b"\xff\xfe")?;
    let answer = ctx.backend.increment(&ctx.key("k"), 1, None);
    same("the error for bytes", answer.map_err(|e| e.kind()), Err(ErrorKind::Type))
}

/// A counter that is not there begins at zero.
fn a_missing_counter_begins_at_the_delta(ctx: &Context) -> Outcome {
    same("up", ctx.increment("up", 10)?, 10)?;
    same("down", ctx.increment("down", -10)?, -10)?;
    same("up again", ctx.increment("up", 1)?, 11)
}

/// A counter is stored as decimal text.
fn a_counter_is_decimal_text(ctx: &Context) -> Outcome {
    ctx.increment("k", 1234)?;
    same("get", ctx.get("k")?, Some(b"1234".to_vec()))?;
    ctx.increment("k", -2000)?;
    same("get", ctx.get("k")?, Some(b"-766".to_vec()))
}

/// Every 64-bit integer can be reached.
fn a_counter_may_be_negative_and_of_any_size(ctx: &Context) -> Outcome {
    for sample in [0, 9, 10, 99, 738, 1_024_000, 5_000_000_000_000, -1, -10, i64::MAX, i64::MIN] {
        ctx.set("k", sample.to_string().as_bytes())?;
        same(format!("{sample} + 0"), ctx.increment("k", 0)?, sample)?;
        ctx.delete("k")?;
        same(format!("0 + {sample}"), ctx.increment("k", sample)?, sample)?;
        ctx.delete("k")?;
    }
    Ok(())
}

/// A sum of more than 64 bits is an error of the kind `Type`, and the counter is left as it is.
fn a_sum_that_does_not_fit_is_refused(ctx: &Context) -> Outcome {
    for (start, delta) in [(i64::MAX, 1), (i64::MIN, -1), (1, i64::MAX), (-2, i64::MIN)] {
        let text = start.to_string();
        ctx.set("k", text.as_bytes())?;
        let answer = ctx.backend.increment(&ctx.key("k"), delta, None);
        same(format!("{start} + {delta}"), answer.map_err(|e| e.kind()), Err(ErrorKind::Type))?;
        same("get", ctx.get("k")?, Some(text.into_bytes()))?;
    }
    Ok(())
}

/// Counting does not change how long the counter lives, whatever lifetime is given.
fn a_counter_keeps_its_lifetime(ctx: &Context) -> Outcome {
    let (start, lifetime) = (Instant::now(), 3 * ctx.tick());
    ctx.set_for("mortal", b"1", Some(lifetime))?;
    ctx.set("immortal", b"1")?;
    ctx.pass(ctx.tick());
    let counted = ctx.increment("mortal", 1)?;
    ctx.backend.increment(&ctx.key("immortal"), 1, Some(ctx.tick()))?;
    if !ctx.must_be_alive(start, lifetime) {
        return Ok(());
    }
    same("counted", counted, 2)?;
    ctx.outlive(2 * ctx.tick());
    same("mortal", ctx.get("mortal")?, None)?;
    same("immortal", ctx.get("immortal")?, Some(b"2".to_vec()))
}

/// A counter that was made by counting lives as long as it was told to.
fn a_new_counter_has_the_lifetime_it_was_given(ctx: &Context) -> Outcome {
    ctx.backend.increment(&ctx.key("mortal"), 1, Some(ctx.tick()))?;
    ctx.increment("immortal", 1)?;
    ctx.outlive(ctx.tick());
    same("mortal", ctx.get("mortal")?, None)?;
    same("immortal", ctx.get("immortal")?, Some(b"1".to_vec()))
}

/// An expired counter is no counter.
fn an_expired_counter_begins_anew(ctx: &Context) -> Outcome {
    ctx.set_for("k", b"41", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    same("increment", ctx.increment("k", 1)?, 1)
}

/// Adding nothing gives the counter, and makes one where there is none.
fn a_delta_of_zero_reads_the_counter(ctx: &Context) -> Outcome {
    ctx.set("k", b"7")?;
    same("a counter", ctx.increment("k", 0)?, 7)?;
    same("no counter", ctx.increment("new", 0)?, 0)?;
    same("get", ctx.get("new")?, Some(b"0".to_vec()))
}
