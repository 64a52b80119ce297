//! `cargo xtask instructions`: how many instructions the hot paths take, and that they take no more than before.

mod ceilings;
mod tools;

use serde_json::Value;

use self::ceilings::Ceilings;
use crate::Outcome;
use crate::bench::cargo_benches;
use crate::run::output;

/// The calls of each benchmark; the same constant is in `benches/instructions.rs`.
const CALLS: f64 = 10_000.0;

/// So often they are counted at most.
const TRIES: usize = 4;

/// The benchmarks, and what they are in the results.
const NAMES: [(&str, &str); 11] = [
    ("no_cache", "a call that caches nothing"),
    ("hit_pair", "`(u64, u64) → u64`, hit"),
    ("hit_str", "`&str` (32 bytes) `→ String`, hit"),
    ("hit_arc", "`u64 → Arc`, hit"),
    ("hit_method", "method `(&self, u64) → u64`, hit"),
    ("hit_near", "`(u64, u64) → u64`, near hit"),
    ("hit_async", "async `(u64, u64) → u64`, hit"),
    ("hit_table", "`Table::get`, hit"),
    ("miss", "`u64 → u64`, miss: computed and stored"),
    ("miss_evicting", "the same, something is evicted"),
    ("insert_evicting", "`Table::insert`, something is evicted"),
];

/// What the issue of all this asks of `hit_pair`.
const HIT_PAIR: (f64, f64) = (130.0, 95.0);

/// Counts, and compares with the ceilings; `--bless` makes what was counted the ceilings.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let bless = match words {
        [] => false,
        ["--bless"] => true,
        _ => return Err("`instructions` takes `--bless` or nothing".to_owned()),
    };
    if bless {
        return Ceilings::of(&least(|_| false)?).write();
    }
    let ceilings = Ceilings::read()?;
    let counts = least(|counts| ceilings.check(counts).is_ok())?;
    for (name, count) in &counts {
        println!("{}", ceilings.judge(name, *count));
    }
    ceilings.check(&counts)
}

/// Counts, and gives what stands in the results.
pub(crate) fn section() -> Result<String, String> {
    let ceilings = Ceilings::read()?;
    let counts = least(|counts| ceilings.check(counts).is_ok())?;
    let row = |(name, count): &(String, f64)| {
        let what = NAMES.iter().find(|(own, _)| own == name).map_or(name.as_str(), |(_, what)| what);
        let ceiling =
            ceilings.of_name(name).map_or_else(|| "–".to_owned(), |ceiling| format!("{ceiling:.1}"));
        format!("| {what} | {count:.1} | {ceiling} |\n")
    };
    let rows = counts.iter().map(row).collect::<Vec<_>>().concat();
    let target = counts.iter().find(|(name, _)| name == "hit_pair").map(|(_, count)| target(*count));
    let text = format!(
        "Instructions per call, counted by callgrind over 10,000 calls, the loop around them included; nearly the same in \
         every run.\n\n| path | instructions | ceiling |\n|---|---:|---:|\n{rows}\n{}",
        target.unwrap_or_default(),
    );
    println!("{text}");
    Ok(text)
}

fn target(count: f64) -> String {
    let (must, aim) = HIT_PAIR;
    let verdict = match count {
        count if count <= aim => "aim met",
        count if count <= must => "met",
        _ => "**not met**",
    };
    format!(
        "| target | measured | must | aim | verdict |\n|---|---:|---:|---:|---:|\n| (u64,u64)→u64 hit, instructions | \
         {count:.1} | ≤ {must} | ≤ {aim} | {verdict} |\n"
    )
}

/// The least of some counts, until they are good enough. Hashes are seeded per process: in one run of four a shard grows, or
/// keys collide, among the calls that are counted.
fn least(is_enough: impl Fn(&[(String, f64)]) -> bool) -> Result<Vec<(String, f64)>, String> {
    let mut counts = count()?;
    for _ in 1..TRIES {
        if is_enough(&counts) {
            break;
        }
        for ((_, least), (_, again)) in counts.iter_mut().zip(count()?) {
            *least = least.min(again);
        }
    }
    Ok(counts)
}

/// By benchmark, in order: instructions per call.
fn count() -> Result<Vec<(String, f64)>, String> {
    tools::valgrind()?;
    let runner = tools::runner()?;
    println!("instructions: counting");
    let mut command = cargo_benches(
        "bench --quiet --bench instructions -- --output-format=json --callgrind-args=--cache-sim=no",
    );
    let text = output(command.env("GUNGRAUN_RUNNER", runner))?;
    let mut counts = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let json: Value =
            serde_json::from_str(line).map_err(|error| format!("what gungraun prints: {error}"))?;
        let name = json["function_name"].as_str().unwrap_or_default();
        let count =
            instructions(&json).ok_or_else(|| format!("gungraun says no instructions of {name}: {line}"))?;
        counts.push((name.to_owned(), count / CALLS));
    }
    let missing: Vec<_> = NAMES
        .iter()
        .filter(|(name, _)| counts.iter().all(|(own, _)| own != name))
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        Ok(counts)
    } else {
        Err(format!("gungraun did not count {}", missing.join(", ")))
    }
}

/// The instructions that gungraun's summary of a benchmark tells.
fn instructions(summary: &Value) -> Option<f64> {
    let profile = summary["profiles"].as_array()?.iter().find(|profile| profile["tool"] == "Callgrind")?;
    profile["data"]["total"]["metrics"]["Ir"]["values"]["new"].as_f64()
}
