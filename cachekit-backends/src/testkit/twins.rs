//! The async flavour of each operation answers like the blocking one, and works on the same entries.

use std::time::Duration;

use super::context::{Context, same};
use super::{Case, Outcome, cases};
use crate::{Capability, ErrorKind, Swap};

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    let mut cases = cases![
        get_and_set_answer_alike,
        has_answers_alike,
        read_and_create_answer_alike,
        add_answers_alike,
        delete_answers_alike,
        increment_answers_alike,
        compare_and_set_answers_alike,
        several_swaps_answer_alike,
        clear_answers_alike,
        no_keys_are_no_answers_here_too,
    ];
    if capability.stores {
        cases.extend(cases![
            what_one_flavour_stores_the_other_sees,
            a_lifetime_means_the_same,
            several_answers_may_be_awaited_together,
        ]);
    }
    cases
}

/// `set_many` and `get_many`.
fn get_and_set_answer_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["a", "b", "c"]));
    let blocking = (b.set_many(&items(&keys.blocking()[..2]), None)?, b.get_many(&keys.blocking())?);
    let twin = ctx.drive(async {
        let stored = b.set_many_async(&items(&keys.twin()[..2]), None).await?;
        Ok::<_, crate::Error>((stored, b.get_many_async(&keys.twin()).await?))
    })??;
    same("the async flavour", twin, blocking)
}

/// `has_many`.
fn has_answers_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["a", "b"]));
    b.set_many(&items(&[keys.blocking()[0], keys.twin()[0]]), None)?;
    let twin = ctx.drive(async { b.has_many_async(&keys.twin()).await })??;
    same("the async flavour", twin, b.has_many(&keys.blocking())?)
}

/// `read_many` and `add_and_read`, of what is there and what is not.
fn read_and_create_answer_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["there", "new"]));
    b.set_many(&items(&[keys.blocking()[0], keys.twin()[0]]), None)?;
    let value = |read: Option<crate::Read>| read.map(|read| read.value);
    let values = |found: Vec<Option<crate::Read>>| found.into_iter().map(value).collect::<Vec<_>>();
    for round in 0..2 {
        let [new, twins_new] = [keys.blocking(), keys.twin()].map(|keys| [(keys[1], &b"new"[..], None)]);
        let blocking = if round == 0 {
            values(b.read_many(&keys.blocking())?)
        } else {
            values(b.add_and_read(&new, &keys.blocking())?)
        };
        let twin = ctx.drive(async {
            let keys = keys.twin();
            if round == 0 {
                b.read_many_async(&keys).await
            } else {
                b.add_and_read_async(&twins_new, &keys).await
            }
        })??;
        same("the async flavour", values(twin), blocking)?;
    }
    Ok(())
}

/// `add`, on nothing and on something.
fn add_answers_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["k"]));
    for value in [b"first", b"again"] {
        let blocking = b.add(keys.blocking()[0], value, None)?;
        let twin = ctx.drive(async { b.add_async(keys.twin()[0], value, None).await })??;
        same("the async flavour", twin, blocking)?;
    }
    same("what is there", b.get_many(&keys.twin())?, b.get_many(&keys.blocking())?)
}

/// `delete_many`, of what is there and what is not.
fn delete_answers_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["a", "b"]));
    b.set_many(&items(&[keys.blocking()[0], keys.twin()[0]]), None)?;
    let blocking = b.delete_many(&keys.blocking())?;
    let twin = ctx.drive(async { b.delete_many_async(&keys.twin()).await })??;
    same("the async flavour", twin, blocking)?;
    same("what is there", b.has_many(&keys.twin())?, vec![false; 2])
}

/// `increment`, of nothing, of a counter and of text.
fn increment_answers_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["counter", "text"]));
    b.set_many(&[(keys.blocking()[1], b"spam"), (keys.twin()[1], b"spam")], None)?;
    for (index, delta) in [(0, 5), (0, -7), (1, 1)] {
        let kind = |answer: crate::Result<i64>| answer.map_err(|error| error.kind());
        let blocking = kind(b.increment(keys.blocking()[index], delta, None));
        let twin = ctx.drive(async { kind(b.increment_async(keys.twin()[index], delta, None).await) })?;
        same("the async flavour", twin, blocking)?;
    }
    Ok(())
}

/// `compare_and_set`, or that it is missing.
fn compare_and_set_answers_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["k"]));
    for (seen, value) in
        [(None, b"head 1"), (None, b"head 2"), (Some(&b"tail"[..]), b"head 3"), (Some(b"head"), b"head 4")]
    {
        let kind = |answer: crate::Result<bool>| answer.map_err(|error| error.kind());
        let seen = seen.map(crate::Seen::new);
        let blocking = kind(b.compare_and_set(keys.blocking()[0], seen, value, None));
        let twin =
            ctx.drive(async { kind(b.compare_and_set_async(keys.twin()[0], seen, value, None).await) })?;
        same("the async flavour", twin, blocking)?;
        if ctx.capability.stores && !ctx.capability.compare_and_set {
            same("the error", blocking, Err(ErrorKind::Unsupported))?;
        }
    }
    same("what is there", b.get_many(&keys.twin())?, b.get_many(&keys.blocking())?)
}

/// `compare_and_set_many`, or that it is missing.
fn several_swaps_answer_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["there", "new"]));
    b.set_many(&items(&[keys.blocking()[0], keys.twin()[0]]), None)?;
    let swap = |key| Swap::new(key, b"new").lifetime(Some(Duration::from_secs(3600)));
    let kind = |answer: crate::Result<Vec<bool>>| answer.map_err(|error| error.kind());
    let blocking = kind(b.compare_and_set_many(&keys.blocking().into_iter().map(swap).collect::<Vec<_>>()));
    let twin = ctx.drive(async {
        let swaps: Vec<_> = keys.twin().into_iter().map(swap).collect();
        kind(b.compare_and_set_many_async(&swaps).await)
    })?;
    same("the async flavour", twin, blocking)?;
    same("what is there", b.get_many(&keys.twin())?, b.get_many(&keys.blocking())?)
}

/// `clear` of one prefix.
fn clear_answers_alike(ctx: &Context) -> Outcome {
    let (b, keys) = (&ctx.backend, Pairs::new(ctx, &["gone/a", "gone/b", "kept"]));
    b.set_many(&items(&keys.blocking()), None)?;
    b.set_many(&items(&keys.twin()), None)?;
    b.clear(&ctx.key("blocking/gone"))?;
    ctx.drive(async { b.clear_async(&ctx.key("twin/gone")).await })??;
    same("what is there", b.has_many(&keys.twin())?, b.has_many(&keys.blocking())?)
}

/// Operations on no keys.
fn no_keys_are_no_answers_here_too(ctx: &Context) -> Outcome {
    let b = &ctx.backend;
    ctx.drive(async {
        same("get_many", b.get_many_async(&[]).await?, vec![])?;
        same("has_many", b.has_many_async(&[]).await?, vec![])?;
        same("set_many", b.set_many_async(&[], None).await?, vec![])?;
        same("delete_many", b.delete_many_async(&[]).await?, vec![])
    })?
}

/// Both flavours are doors to the same entries.
fn what_one_flavour_stores_the_other_sees(ctx: &Context) -> Outcome {
    let (b, key) = (&ctx.backend, ctx.key("k"));
    ctx.set("k", b"blocking")?;
    let seen = ctx.drive(async { b.get_many_async(&[&key]).await })??;
    same("what the async flavour sees", seen, vec![Some(b"blocking".to_vec())])?;
    ctx.drive(async { b.set_many_async(&[(&key, b"async")], None).await })??;
    same("what the blocking flavour sees", ctx.get("k")?, Some(b"async".to_vec()))?;
    ctx.drive(async { b.delete_many_async(&[&key]).await })??;
    same("after the async delete", ctx.get("k")?, None)
}

/// What the async flavour stores expires too.
fn a_lifetime_means_the_same(ctx: &Context) -> Outcome {
    let (b, keys, lifetime) = (&ctx.backend, Pairs::new(ctx, &["set", "added", "counter"]), Some(ctx.tick()));
    let [set, added, counter] = [0, 1, 2].map(|index| keys.twin()[index]);
    ctx.drive(async {
        b.set_many_async(&[(set, b"spam")], lifetime).await?;
        b.add_async(added, b"spam", lifetime).await?;
        b.increment_async(counter, 1, lifetime).await
    })??;
    ctx.outlive(ctx.tick());
    same("has_many", b.has_many(&keys.twin())?, vec![false; 3])
}

/// Operations that are awaited out of order do not mix up their answers.
fn several_answers_may_be_awaited_together(ctx: &Context) -> Outcome {
    let (b, one, two) = (&ctx.backend, ctx.key("one"), ctx.key("two"));
    b.set_many(&[(&one, b"1"), (&two, b"2")], None)?;
    let (one_of, two_of) = ([one.as_str()], [two.as_str()]);
    let found = ctx.drive(async {
        let first = b.get_many_async(&one_of);
        let second = b.get_many_async(&two_of);
        let second = second.await?;
        Ok::<_, crate::Error>((first.await?, second))
    })??;
    same("the answers", found, (vec![Some(b"1".to_vec())], vec![Some(b"2".to_vec())]))
}

/// The same names twice: once for each flavour.
struct Pairs {
    blocking: Vec<String>,
    twin: Vec<String>,
}

impl Pairs {
    fn new(ctx: &Context, names: &[&str]) -> Self {
        let keys = |flavour| names.iter().map(|name| ctx.key(&format!("{flavour}/{name}"))).collect();
        Self { blocking: keys("blocking"), twin: keys("twin") }
    }

    fn blocking(&self) -> Vec<&str> {
        self.blocking.iter().map(String::as_str).collect()
    }

    fn twin(&self) -> Vec<&str> {
        self.twin.iter().map(String::as_str).collect()
    }
}

fn items<'a>(keys: &[&'a str]) -> Vec<(&'a str, &'static [u8])> {
    keys.iter().map(|key| (*key, &b"spam"[..])).collect()
}
