//! Reading what a compare-and-set is to decide by, and creating in the same exchange.

use super::context::{Context, same};
use super::{Case, Outcome, cases};
use crate::{Capability, Read, Seen};

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    let mut cases = cases![
        what_is_read_is_what_is_there,
        what_is_missing_is_added_before_it_is_read,
        what_is_there_is_read_and_not_replaced,
        an_expired_entry_does_not_stand_in_the_way,
        what_was_added_so_has_its_own_lifetime,
    ];
    if capability.compare_and_set {
        cases.extend(cases![
            what_was_read_and_not_changed_is_replaced,
            what_was_changed_after_it_was_read_is_not_replaced,
            what_was_deleted_after_it_was_read_is_not_replaced,
        ]);
    }
    cases
}

fn read(ctx: &Context, name: &str) -> Outcome<Option<Read>> {
    let mut found = ctx.backend.read_many(&[&ctx.key(name)])?;
    same("the number of answers", found.len(), 1)?;
    Ok(found.pop().flatten())
}

fn values(found: Vec<Option<Read>>) -> Vec<Option<Vec<u8>>> {
    found.into_iter().map(|read| read.map(|read| read.value)).collect()
}

/// `read_many` finds what `get_many` finds, in order, each time.
fn what_is_read_is_what_is_there(ctx: &Context) -> Outcome {
    ctx.set("a", b"spam")?;
    ctx.set("c", b"")?;
    let keys = [ctx.key("a"), ctx.key("b"), ctx.key("c"), ctx.key("a")];
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    same("read_many", values(ctx.backend.read_many(&keys)?), ctx.backend.get_many(&keys)?)?;
    same("no keys", ctx.backend.read_many(&[])?, vec![])
}

/// `add_and_read` reads what it added.
fn what_is_missing_is_added_before_it_is_read(ctx: &Context) -> Outcome {
    let (a, b) = (ctx.key("a"), ctx.key("b"));
    let found = ctx.backend.add_and_read(&[(&a, b"new", None)], &[&b, &a])?;
    same("what is read", values(found), vec![None, Some(b"new".to_vec())])?;
    same("what is there", (ctx.get("a")?, ctx.get("b")?), (Some(b"new".to_vec()), None))
}

/// What is there stays.
fn what_is_there_is_read_and_not_replaced(ctx: &Context) -> Outcome {
    ctx.set("a", b"old")?;
    let (a, b) = (ctx.key("a"), ctx.key("b"));
    let found = ctx.backend.add_and_read(&[(&a, b"new", None), (&b, b"new", None)], &[&a, &b])?;
    same("what is read", values(found), vec![Some(b"old".to_vec()), Some(b"new".to_vec())])
}

/// An expired entry is none.
fn an_expired_entry_does_not_stand_in_the_way(ctx: &Context) -> Outcome {
    ctx.set_for("a", b"old", Some(ctx.tick()))?;
    ctx.outlive(ctx.tick());
    let a = ctx.key("a");
    same(
        "what is read",
        values(ctx.backend.add_and_read(&[(&a, b"new", None)], &[&a])?),
        vec![Some(b"new".to_vec())],
    )
}

/// Each has the lifetime it came with.
fn what_was_added_so_has_its_own_lifetime(ctx: &Context) -> Outcome {
    let (a, b) = (ctx.key("a"), ctx.key("b"));
    ctx.backend.add_and_read(&[(&a, b"new", Some(ctx.tick())), (&b, b"new", None)], &[&a])?;
    ctx.outlive(ctx.tick());
    same("what is there", (ctx.has("a")?, ctx.has("b")?), (false, true))
}

/// With the token that came with it, if one did.
fn what_was_read_and_not_changed_is_replaced(ctx: &Context) -> Outcome {
    ctx.set("k", b"head and tail")?;
    let token = read(ctx, "k")?.and_then(|read| read.token);
    let seen = Seen::new(b"head").token(token);
    same("the first", ctx.backend.compare_and_set(&ctx.key("k"), Some(seen), b"head 2", None)?, true)?;
    same("get", ctx.get("k")?, Some(b"head 2".to_vec()))
}

/// A token is of one version, and a head of one write.
fn what_was_changed_after_it_was_read_is_not_replaced(ctx: &Context) -> Outcome {
    ctx.set("k", b"head 1")?;
    let token = read(ctx, "k")?.and_then(|read| read.token);
    ctx.set("k", b"head 2")?;
    let seen = Seen::new(b"head 1").token(token);
    same("compare_and_set", ctx.backend.compare_and_set(&ctx.key("k"), Some(seen), b"new", None)?, false)?;
    same("get", ctx.get("k")?, Some(b"head 2".to_vec()))
}

/// What is gone matches nothing.
fn what_was_deleted_after_it_was_read_is_not_replaced(ctx: &Context) -> Outcome {
    ctx.set("k", b"head")?;
    let token = read(ctx, "k")?.and_then(|read| read.token);
    ctx.delete("k")?;
    let seen = Seen::new(b"head").token(token);
    same("compare_and_set", ctx.backend.compare_and_set(&ctx.key("k"), Some(seen), b"new", None)?, false)?;
    same("get", ctx.get("k")?, None)
}
