//! What may be a key: any text of 1 to 1000 bytes, for every operation alike.

use super::context::{Context, same};
use super::{Case, Outcome, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        case_341_342_344_a_key_may_be_any_text_for_every_operation,
        case_343_keys_may_be_a_thousand_bytes_long,
        keys_that_look_alike_are_different,
        long_keys_that_differ_at_the_end_are_different,
        keys_that_look_like_paths_are_keys,
        a_key_needs_no_prefix,
    ]
}

/// Any text is a key, and what one operation takes, all take.
fn case_341_342_344_a_key_may_be_any_text_for_every_operation(ctx: &Context) -> Outcome {
    for name in NAMES {
        every_operation(ctx, name)?;
    }
    Ok(())
}

/// A key may be as long as a thousand bytes.
fn case_343_keys_may_be_a_thousand_bytes_long(ctx: &Context) -> Outcome {
    let room = 1000 - ctx.key("").len();
    for length in [1, 200, 249, 250, 251, 255, 256, 300, 512, room] {
        every_operation(ctx, &"k".repeat(length.min(room)))?;
    }
    every_operation(ctx, &"é".repeat(room / 2))
}

/// Keys are compared byte by byte.
fn keys_that_look_alike_are_different(ctx: &Context) -> Outcome {
    let alike =
        ["k", "K", " k", "k ", "k\0", "k\n", "k_", "k%20", "\u{e9}", "e\u{301}", "%C3%A9", "k/", "/k"];
    for name in alike {
        ctx.set(name, name.as_bytes())?;
    }
    for name in alike {
        same(format!("{name:?}"), ctx.get(name)?, Some(name.as_bytes().to_vec()))?;
    }
    Ok(())
}

/// Long keys are not cut off.
fn long_keys_that_differ_at_the_end_are_different(ctx: &Context) -> Outcome {
    let head = "k".repeat(900);
    let names = [format!("{head}a"), format!("{head}b"), head];
    for name in &names {
        ctx.set(name, &name.as_bytes()[name.len() - 1..])?;
    }
    for (name, value) in names.iter().zip([b"a", b"b", b"k"]) {
        same("the value of a long key", ctx.get(name)?, Some(value.to_vec()))?;
    }
    Ok(())
}

/// A key means nothing to a file system.
fn keys_that_look_like_paths_are_keys(ctx: &Context) -> Outcome {
    for name in ["../k", "/etc/hostname", "a/../b", "..", ".", "~", "C:\\k", "a/b/c", "con", "k.tmp"] {
        every_operation(ctx, name)?;
    }
    Ok(())
}

/// A key that is one byte long is a key.
fn a_key_needs_no_prefix(ctx: &Context) -> Outcome {
    // Whose it is in a shared backend nobody knows: it is only looked at.
    same("answers", ctx.backend.get_many(&["~"])?.len(), 1)?;
    same("answers", ctx.backend.has_many(&["\u{7f}"])?.len(), 1)
}

/// Puts a key through every operation that all backends have.
fn every_operation(ctx: &Context, name: &str) -> Outcome {
    let what = |operation: &str| format!("{operation} of {name:?}");
    same(what("get before"), ctx.get(name)?, None)?;
    same(what("add"), ctx.add(name, b"1")?, true)?;
    same(what("has"), ctx.has(name)?, true)?;
    ctx.set(name, b"2")?;
    same(what("get"), ctx.get(name)?, Some(b"2".to_vec()))?;
    same(what("increment"), ctx.increment(name, 3)?, 5)?;
    same(what("delete"), ctx.delete(name)?, true)?;
    same(what("has after delete"), ctx.has(name)?, false)
}

const NAMES: [&str; 22] = [
    "a",
    " ",
    "two words",
    "!",
    "\t",
    "abc\n",
    "\r\n",
    "\0",
    "\u{1}\u{1f}\u{7f}",
    "\u{ff}",
    "日本語",
    "🦀",
    "a\u{301}",
    "{slot}",
    "key:with:colons",
    "*",
    "quote\"'",
    "back\\slash",
    "percent%20",
    "a=b&c=d",
    "<tag>",
    "noreply 0 0 5",
];
