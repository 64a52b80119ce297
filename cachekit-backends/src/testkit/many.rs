//! Several keys in one operation.

use super::context::{Context, same};
use super::{Case, Outcome, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        case_042_delete_many_removes_one_or_several,
        case_044_every_key_has_its_value,
        case_047_values_come_in_the_order_of_the_keys,
        case_048_set_many_stores_each,
        case_051_delete_many_removes_what_was_added,
        case_200_set_many_answers_for_each_key,
        case_203_delete_many_answers_for_each_key,
        case_212_has_many_answers_for_each_key,
        missing_keys_are_none_in_their_places,
        a_key_asked_for_twice_is_answered_twice,
        of_two_values_for_one_key_the_later_one_stays,
        no_keys_are_no_answers,
        five_hundred_keys_in_one_operation,
    ]
}

/// Delete removes the keys it is given, one or several, and no other.
fn case_042_delete_many_removes_one_or_several(ctx: &Context) -> Outcome {
    set_all(ctx, &["a", "b", "c"])?;
    same("delete of one", delete(ctx, &["a"])?, vec![true])?;
    same("delete of two", delete(ctx, &["b", "c"])?, vec![true, true])?;
    same("has", has(ctx, &["a", "b", "c"])?, vec![false; 3])
}

/// Each key has the value that was set under it.
fn case_044_every_key_has_its_value(ctx: &Context) -> Outcome {
    set_all(ctx, &["a", "b"])?;
    same("a", ctx.get("a")?, Some(b"a".to_vec()))?;
    same("b", ctx.get("b")?, Some(b"b".to_vec()))
}

/// Values come in the order in which their keys are asked for.
fn case_047_values_come_in_the_order_of_the_keys(ctx: &Context) -> Outcome {
    set_all(ctx, &["a", "b", "c"])?;
    for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
        same("get_many", get(ctx, &order)?, order.map(|name| Some(name.as_bytes().to_vec())).to_vec())?;
    }
    Ok(())
}

/// `set_many` stores each value under its key.
fn case_048_set_many_stores_each(ctx: &Context) -> Outcome {
    let (a, b) = (ctx.key("a"), ctx.key("b"));
    same("set_many", ctx.backend.set_many(&[(&a, b"spam"), (&b, b"eggs")], None)?, vec![true, true])?;
    same("a", ctx.get("a")?, Some(b"spam".to_vec()))?;
    same("b", ctx.get("b")?, Some(b"eggs".to_vec()))
}

/// `delete_many` removes what was added, too.
fn case_051_delete_many_removes_what_was_added(ctx: &Context) -> Outcome {
    ctx.add("a", b"spam")?;
    ctx.add("b", b"eggs")?;
    same("delete_many", delete(ctx, &["a", "b"])?, vec![true, true])?;
    same("get_many", get(ctx, &["a", "b"])?, vec![None, None])
}

/// `set_many` says for each key that it is stored.
fn case_200_set_many_answers_for_each_key(ctx: &Context) -> Outcome {
    let keys = ["a", "b", "c", "d"].map(|name| ctx.key(name));
    let items = keys.each_ref().map(|key| (key.as_str(), &b"spam"[..]));
    same("set_many", ctx.backend.set_many(&items, None)?, vec![true; 4])?;
    same("get_many", get(ctx, &["a", "b", "c", "d"])?, vec![Some(b"spam".to_vec()); 4])
}

/// `delete_many` says for each key whether there was a value.
fn case_203_delete_many_answers_for_each_key(ctx: &Context) -> Outcome {
    set_all(ctx, &["a", "c"])?;
    same("delete_many", delete(ctx, &["a", "b", "c"])?, vec![true, false, true])?;
    same("get_many", get(ctx, &["a", "b", "c"])?, vec![None, None, None])
}

/// `has_many` says for each key whether there is a value.
fn case_212_has_many_answers_for_each_key(ctx: &Context) -> Outcome {
    set_all(ctx, &["a", "c"])?;
    same("has_many", has(ctx, &["a", "b", "c"])?, vec![true, false, true])
}

/// A key without a value is `None`, in its place.
fn missing_keys_are_none_in_their_places(ctx: &Context) -> Outcome {
    set_all(ctx, &["b"])?;
    same("get_many", get(ctx, &["a", "b", "c"])?, vec![None, Some(b"b".to_vec()), None])
}

/// A key that is asked for twice is answered twice.
fn a_key_asked_for_twice_is_answered_twice(ctx: &Context) -> Outcome {
    set_all(ctx, &["a"])?;
    same("get_many", get(ctx, &["a", "b", "a"])?, vec![Some(b"a".to_vec()), None, Some(b"a".to_vec())])?;
    same("has_many", has(ctx, &["b", "a", "a"])?, vec![false, true, true])
}

/// Items are stored in their order.
fn of_two_values_for_one_key_the_later_one_stays(ctx: &Context) -> Outcome {
    let key = ctx.key("k");
    ctx.backend.set_many(&[(&key, b"first"), (&key, b"second")], None)?;
    same("get", ctx.get("k")?, Some(b"second".to_vec()))
}

/// An operation on no keys does nothing and is no error.
fn no_keys_are_no_answers(ctx: &Context) -> Outcome {
    same("get_many", ctx.backend.get_many(&[])?, vec![])?;
    same("has_many", ctx.backend.has_many(&[])?, vec![])?;
    same("set_many", ctx.backend.set_many(&[], None)?, vec![])?;
    same("delete_many", ctx.backend.delete_many(&[])?, vec![])
}

/// Many keys at once are no different from few.
fn five_hundred_keys_in_one_operation(ctx: &Context) -> Outcome {
    let names: Vec<String> = (0..500).map(|n| format!("key {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    set_all(ctx, &names)?;
    let expected: Vec<_> = names.iter().map(|name| Some(name.as_bytes().to_vec())).collect();
    same("get_many", get(ctx, &names)?, expected)?;
    same("delete_many", delete(ctx, &names)?, vec![true; 500])?;
    same("has_many", has(ctx, &names)?, vec![false; 500])
}

/// Stores under each name the name itself, all in one operation.
fn set_all(ctx: &Context, names: &[&str]) -> Outcome {
    let keys: Vec<String> = names.iter().map(|name| ctx.key(name)).collect();
    let items: Vec<_> = keys.iter().zip(names).map(|(key, name)| (key.as_str(), name.as_bytes())).collect();
    same("set_many", ctx.backend.set_many(&items, None)?, vec![true; names.len()])
}

fn get(ctx: &Context, names: &[&str]) -> Outcome<Vec<Option<Vec<u8>>>> {
    with_keys(ctx, names, |keys| ctx.backend.get_many(keys))
}

fn has(ctx: &Context, names: &[&str]) -> Outcome<Vec<bool>> {
    with_keys(ctx, names, |keys| ctx.backend.has_many(keys))
}

fn delete(ctx: &Context, names: &[&str]) -> Outcome<Vec<bool>> {
    with_keys(ctx, names, |keys| ctx.backend.delete_many(keys))
}

fn with_keys<T>(ctx: &Context, names: &[&str], ask: impl FnOnce(&[&str]) -> crate::Result<T>) -> Outcome<T> {
    let keys: Vec<String> = names.iter().map(|name| ctx.key(name)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    Ok(ask(&keys)?)
}
