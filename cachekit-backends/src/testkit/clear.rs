//! Clearing what begins with a prefix.

use super::context::{Context, same};
use super::{Case, Outcome, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        case_211_clear_leaves_nothing,
        case_325_clear_reaches_every_key,
        case_327_clear_with_nothing_there_succeeds,
        clear_leaves_what_does_not_begin_with_the_prefix,
        special_characters_in_the_prefix_mean_themselves,
        what_was_cleared_can_be_stored_again,
        clear_reaches_counters_and_what_was_added,
    ]
}

/// After clear, nothing under the prefix is there.
fn case_211_clear_leaves_nothing(ctx: &Context) -> Outcome {
    for name in ["a", "b", "c"] {
        ctx.set(name, b"spam")?;
    }
    ctx.backend.clear(&ctx.key(""))?;
    for name in ["a", "b", "c"] {
        same(name, (ctx.get(name)?, ctx.has(name)?), (None, false))?;
    }
    Ok(())
}

/// However many keys there are, none survives.
fn case_325_clear_reaches_every_key(ctx: &Context) -> Outcome {
    let names: Vec<String> = (0..300).map(|n| format!("group:{n}")).collect();
    for name in &names {
        ctx.set(name, b"spam")?;
    }
    ctx.backend.clear(&ctx.key("group:"))?;
    let mut survivors = Vec::new();
    for name in &names {
        if ctx.has(name)? {
            survivors.push(name);
        }
    }
    same("survivors", survivors, vec![])
}

/// Clear is no error where there is nothing to clear.
fn case_327_clear_with_nothing_there_succeeds(ctx: &Context) -> Outcome {
    ctx.backend.clear(&ctx.key("nothing"))?;
    Ok(ctx.backend.clear(&ctx.key("nothing"))?)
}

/// Clear keeps what does not begin with the prefix, also if it contains it, and removes what is the prefix itself.
fn clear_leaves_what_does_not_begin_with_the_prefix(ctx: &Context) -> Outcome {
    let (gone, kept) = (["app:", "app:a", "app:app:b"], ["app", "ap", "other:app:", "APP:a", "apq:"]);
    for name in gone.iter().chain(&kept) {
        ctx.set(name, b"spam")?;
    }
    ctx.backend.clear(&ctx.key("app:"))?;
    for name in gone {
        same(name, ctx.has(name)?, false)?;
    }
    for name in kept {
        same(name, ctx.has(name)?, true)?;
    }
    Ok(())
}

/// What is a pattern elsewhere is text in a prefix.
fn special_characters_in_the_prefix_mean_themselves(ctx: &Context) -> Outcome {
    for special in ["*", "?", "[ab]", "[^x]", "\\", "a\\*", "%", "_", ".", "$", "é", " ", "\n", "{}", "'"] {
        let own = format!("{special}own");
        let others = ["a", "x", "ab", "aaa", "b?", "a*"].map(|name| format!("{name}other"));
        ctx.set(&own, b"spam")?;
        for other in &others {
            ctx.set(other, b"eggs")?;
        }
        ctx.backend.clear(&ctx.key(special))?;
        same(format!("{own:?} after clear({special:?})"), ctx.has(&own)?, false)?;
        for other in &others {
            same(format!("{other:?} after clear({special:?})"), ctx.has(other)?, true)?;
        }
    }
    Ok(())
}

/// Clear leaves nothing that would be in the way.
fn what_was_cleared_can_be_stored_again(ctx: &Context) -> Outcome {
    ctx.set("k", b"old")?;
    ctx.backend.clear(&ctx.key(""))?;
    same("delete", ctx.delete("k")?, false)?;
    same("add", ctx.add("k", b"new")?, true)?;
    same("get", ctx.get("k")?, Some(b"new".to_vec()))
}

/// Clear reaches everything, however it was stored.
fn clear_reaches_counters_and_what_was_added(ctx: &Context) -> Outcome {
    ctx.add("added", b"spam")?;
    ctx.increment("counter", 5)?;
    ctx.set_for("mortal", b"eggs", Some(60 * ctx.tick()))?;
    ctx.backend.clear(&ctx.key(""))?;
    for name in ["added", "counter", "mortal"] {
        same(name, ctx.has(name)?, false)?;
    }
    Ok(())
}
