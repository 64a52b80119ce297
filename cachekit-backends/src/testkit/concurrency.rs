//! Several threads at once.

use std::sync::Barrier;
use std::thread;

use super::context::{Context, holds, same};
use super::{Case, Outcome, cases};
use crate::Capability;

pub(super) fn cases(capability: Capability) -> Vec<Case> {
    let mut cases = cases![
        case_244_writers_of_different_keys_do_not_disturb_each_other,
        case_247_readers_only_see_whole_values,
        of_many_adds_one_wins,
    ];
    if capability.in_order {
        cases.extend(cases![what_is_set_together_is_set_in_order]);
    }
    if capability.atomic_increment {
        cases.extend(cases![case_245_no_increment_is_lost]);
    }
    if capability.compare_and_set {
        cases.extend(cases![of_many_compare_and_sets_one_wins, compare_and_set_loses_no_update]);
    }
    cases
}

/// Ten threads write fifty keys each, and all are there.
fn case_244_writers_of_different_keys_do_not_disturb_each_other(ctx: &Context) -> Outcome {
    at_once(10, |thread| {
        (0..50).try_for_each(|n| ctx.set(&format!("{thread}/{n}"), format!("{thread}+{n}").as_bytes()))
    })?;
    for thread in 0..10 {
        for n in 0..50 {
            let value = format!("{thread}+{n}").into_bytes();
            same(format!("{thread}/{n}"), ctx.get(&format!("{thread}/{n}"))?, Some(value))?;
        }
    }
    Ok(())
}

/// Twenty threads count to fifty each, and the counter says a thousand.
fn case_245_no_increment_is_lost(ctx: &Context) -> Outcome {
    at_once(20, |_| (0..50).try_for_each(|_| ctx.increment("k", 1).map(drop)))?;
    same("the counter", ctx.get("k")?, Some(b"1000".to_vec()))
}

/// A reader sees a value that was written, never parts of two.
fn case_247_readers_only_see_whole_values(ctx: &Context) -> Outcome {
    // Values differ in length, so that a torn one shows.
    let value = |writer: usize| vec![b'0' + u8::try_from(writer).unwrap_or(0); 5000 + 700 * writer];
    ctx.set("k", &value(0))?;
    at_once(10, |thread| {
        for _ in 0..40 {
            if thread < 5 {
                ctx.set("k", &value(thread))?;
                continue;
            }
            let Some(found) = ctx.get("k")? else {
                return Err("the key was gone for a moment".to_owned().into());
            };
            holds("a whole value", (0..5).any(|writer| found == value(writer)))?;
        }
        Ok(())
    })?;
    let found = ctx.get("k")?.unwrap_or_default();
    holds("the last value is one that was written", (0..5).any(|writer| found == value(writer)))
}

/// Who finds the second of two that were set together, finds the first one as well.
fn what_is_set_together_is_set_in_order(ctx: &Context) -> Outcome {
    let number = |name: &str| -> Outcome<u32> {
        let digits = ctx.get(name)?.unwrap_or_else(|| b"0".to_vec());
        String::from_utf8_lossy(&digits).parse().map_err(|error| format!("{name}: {error}").into())
    };
    at_once(4, |thread| {
        for n in 1..=200 {
            if thread == 0 {
                let value = n.to_string().into_bytes();
                ctx.backend.set_many(&[(&ctx.key("first"), &value), (&ctx.key("second"), &value)], None)?;
                continue;
            }
            let second = number("second")?;
            holds("the first is as new as the second", number("first")? >= second)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Of threads that add one key, exactly one is told that it did, and its value is there.
fn of_many_adds_one_wins(ctx: &Context) -> Outcome {
    for round in 0..20 {
        let name = format!("round {round}");
        let won = at_once(8, |thread| ctx.add(&name, thread.to_string().as_bytes()))?;
        same("winners", won.iter().filter(|won| **won).count(), 1)?;
        let winner = won.iter().position(|won| *won).map(|thread| thread.to_string().into_bytes());
        same("the value", ctx.get(&name)?, winner)?;
    }
    Ok(())
}

/// Of threads that saw the same, exactly one stores.
fn of_many_compare_and_sets_one_wins(ctx: &Context) -> Outcome {
    for round in 0..20 {
        let name = format!("round {round}");
        // Half the rounds begin with an entry.
        let seen = (round % 2 == 0).then_some(&b"seen"[..]);
        if let Some(seen) = seen {
            ctx.set(&name, seen)?;
        }
        let won = at_once(8, |thread| ctx.compare_and_set(&name, seen, thread.to_string().as_bytes()))?;
        same("winners", won.iter().filter(|won| **won).count(), 1)?;
        let winner = won.iter().position(|won| *won).map(|thread| thread.to_string().into_bytes());
        same("the value", ctx.get(&name)?, winner)?;
    }
    Ok(())
}

/// A loop of reading, changing and comparing loses no update.
fn compare_and_set_loses_no_update(ctx: &Context) -> Outcome {
    // All values are equally long, so that the head that was seen is the whole value.
    ctx.set("k", b"0000")?;
    at_once(4, |_| {
        for _ in 0..25 {
            loop {
                let seen = ctx.get("k")?.unwrap_or_default();
                let count = std::str::from_utf8(&seen).ok().and_then(|text| text.parse::<u32>().ok());
                let next = format!("{:04}", count.unwrap_or_default() + 1);
                if ctx.compare_and_set("k", Some(&seen), next.as_bytes())? {
                    break;
                }
                thread::yield_now();
            }
        }
        Ok(())
    })?;
    same("updates", ctx.get("k")?, Some(b"0100".to_vec()))
}

/// Runs `work` on so many threads, which begin together; gives their results in the order of their numbers.
fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> Outcome<T> + Sync) -> Outcome<Vec<T>> {
    let (barrier, work) = (Barrier::new(threads), &work);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    work(thread)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned().into())))
            .collect()
    })
}
