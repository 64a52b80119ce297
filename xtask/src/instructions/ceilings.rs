//! `benches/ceilings.toml`: the instructions that a call may take.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::Outcome;
use crate::bench::machine;
use crate::run::root;

/// How far a count may be from its ceiling: the table's hash is seeded anew in each run, and so lies otherwise.
const SLACK: f64 = 0.03;
/// The same on another processor: the C library has other functions to copy and compare bytes for each.
const ELSEWHERE: f64 = 0.15;

/// By benchmark, and the processor they were counted on.
pub(super) struct Ceilings {
    counts: Vec<(String, f64)>,
    cpu: String,
}

impl Ceilings {
    /// The counts themselves.
    pub(super) fn of(counts: &[(String, f64)]) -> Self {
        Self { counts: counts.to_vec(), cpu: machine::cpu() }
    }

    /// What the file says.
    pub(super) fn read() -> Result<Self, String> {
        let file = file();
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        parse(&text).map_err(|line| format!("{}: `{line}` is no `name = count`", file.display()))
    }

    /// Makes them what the file says.
    pub(super) fn write(&self) -> Outcome {
        let mut text =
            "# Instructions per call, as `cargo xtask instructions` counts them; 3 % more is a failure.\n\
                        # `cargo xtask instructions --bless` writes this file.\n\n"
                .to_owned();
        let _ = writeln!(text, "cpu = {}", self.cpu);
        for (name, count) in &self.counts {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name} = {count:.1}");
        }
        println!("{text}");
        fs::write(file(), text).map_err(|error| format!("{}: {error}", file().display()))
    }

    /// The ceiling of a benchmark.
    pub(super) fn of_name(&self, name: &str) -> Option<f64> {
        self.counts.iter().find(|(own, _)| own == name).map(|(_, ceiling)| *ceiling)
    }

    /// How far a count may be from its ceiling on this machine.
    fn slack(&self) -> f64 {
        if machine::cpu() == self.cpu { SLACK } else { ELSEWHERE }
    }

    /// A line about a count.
    pub(super) fn judge(&self, name: &str, count: f64) -> String {
        let Some(ceiling) = self.of_name(name) else {
            return format!("  {name:<18}{count:>10.1}  has no ceiling");
        };
        let verdict = match count / ceiling - 1.0 {
            more if more > self.slack() => "TOO MANY",
            more if more < -self.slack() => {
                "fewer; lower the ceiling with `cargo xtask instructions --bless`"
            }
            _ => "as before",
        };
        let change = (count / ceiling - 1.0) * 100.0;
        format!("  {name:<18}{count:>10.1}  ceiling {ceiling:>10.1}  {change:>+6.1} %  {verdict}")
    }

    /// Fails where a count is above its ceiling and the slack, or has none.
    pub(super) fn check(&self, counts: &[(String, f64)]) -> Outcome {
        let slack = self.slack();
        if slack > SLACK {
            println!(
                "  the ceilings are those of another processor ({}): {:.0} % more are allowed here",
                self.cpu,
                slack * 100.0
            );
        }
        let above = |name: &str, count: f64| self.of_name(name).is_none_or(|c| count > c * (1.0 + slack));
        let above: Vec<_> = counts
            .iter()
            .filter(|(name, count)| above(name, *count))
            .map(|(name, _)| name.as_str())
            .collect();
        if above.is_empty() {
            return Ok(());
        }
        Err(format!(
            "these take more instructions than benches/ceilings.toml allows: {}; make them cheaper, or, if it is worth it, \
             say why and run `cargo xtask instructions --bless`",
            above.join(", ")
        ))
    }
}

/// The first line that is none is the error.
fn parse(text: &str) -> Result<Ceilings, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let mut ceilings = Ceilings { counts: Vec::new(), cpu: String::new() };
    for line in lines {
        let (name, value) = line.split_once('=').ok_or_else(|| line.to_owned())?;
        match (name.trim(), value.trim()) {
            ("cpu", cpu) => cpu.clone_into(&mut ceilings.cpu),
            (name, count) => {
                ceilings.counts.push((name.to_owned(), count.parse().map_err(|_| line.to_owned())?));
            }
        }
    }
    Ok(ceilings)
}

fn file() -> PathBuf {
    root().join("benches/ceilings.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_percent_more_are_too_many() {
        let ceilings = parse(&format!("# Head.\n\ncpu = {}\nhit = 100.0\n", machine::cpu())).unwrap();
        let counted = |count| [("hit".to_owned(), count)];
        assert!(ceilings.check(&counted(102.9)).is_ok());
        assert!(ceilings.check(&counted(103.1)).is_err());
        assert!(ceilings.judge("hit", 90.0).contains("--bless"));
        assert!(ceilings.check(&[("other".to_owned(), 1.0)]).is_err(), "what has no ceiling");
        assert!(parse("hit: 3").is_err());
        let elsewhere = parse("cpu = of another kind\nhit = 100.0\n").unwrap();
        assert!(elsewhere.check(&counted(110.0)).is_ok());
        assert!(elsewhere.check(&counted(120.0)).is_err());
    }
}
