//! `benches/ceilings.toml`: the instructions that a call may take.

use std::env::consts::ARCH;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::bench::machine;
use crate::run::{output, root};

/// How far a count may be from its ceiling: the table's hash is seeded anew in each run, and so lies otherwise.
const SLACK: f64 = 0.03;
/// The same by another compiler, C library or processor (for each of which the C library has other functions to copy and
/// compare bytes).
const ELSEWHERE: f64 = 0.15;

/// By benchmark, and where they were counted.
pub(super) struct Ceilings {
    counts: Vec<(String, f64)>,
    place: Place,
}

/// What the counts depend on, besides this repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    architecture: String,
    cpu: String,
    compiler: String,
    libc: String,
}

impl Place {
    fn here() -> Self {
        let said = |words: &[&str]| {
            let text = output(Command::new(words[0]).args(&words[1..])).unwrap_or_default();
            text.lines().next().unwrap_or("unknown").trim().to_owned()
        };
        Self {
            architecture: ARCH.to_owned(),
            cpu: machine::cpu(),
            compiler: said(&["rustc", "--version"]),
            libc: said(&["getconf", "GNU_LIBC_VERSION"]),
        }
    }

    fn parts(&mut self) -> [(&'static str, &mut String); 4] {
        [
            ("architecture", &mut self.architecture),
            ("cpu", &mut self.cpu),
            ("compiler", &mut self.compiler),
            ("libc", &mut self.libc),
        ]
    }

    /// What of it differs from the other one.
    fn differences(&self, other: &Self) -> Vec<String> {
        let (mut one, mut other) = (self.clone(), other.clone());
        let pairs = one.parts().into_iter().zip(other.parts());
        pairs.filter(|((_, a), (_, b))| a != b).map(|((name, a), _)| format!("{name} {a}")).collect()
    }
}

impl Ceilings {
    /// The counts themselves.
    pub(super) fn of(counts: &[(String, f64)]) -> Self {
        Self { counts: counts.to_vec(), place: Place::here() }
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
        for (name, value) in self.place.clone().parts() {
            let _ = writeln!(text, "{name} = {value}");
        }
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

    /// How far a count may be from its ceiling there; none where the instructions are others.
    fn slack(&self, place: &Place) -> Option<f64> {
        if *place == self.place {
            Some(SLACK)
        } else {
            (place.architecture == self.place.architecture).then_some(ELSEWHERE)
        }
    }

    /// A line about a count.
    pub(super) fn judge(&self, name: &str, count: f64) -> String {
        let Some(ceiling) = self.of_name(name) else {
            return format!("  {name:<18}{count:>10.1}  has no ceiling");
        };
        let here = Place::here();
        let verdict = match count / ceiling - 1.0 {
            more if self.slack(&here).is_some_and(|slack| more > slack) => "TOO MANY",
            more if more < -SLACK => "fewer; lower the ceiling with `cargo xtask instructions --bless`",
            _ => "as before",
        };
        let change = (count / ceiling - 1.0) * 100.0;
        format!("  {name:<18}{count:>10.1}  ceiling {ceiling:>10.1}  {change:>+6.1} %  {verdict}")
    }

    /// Fails where a count is above its ceiling and the slack, or has none.
    pub(super) fn check(&self, counts: &[(String, f64)]) -> Outcome {
        self.check_at(counts, &Place::here())
    }

    fn check_at(&self, counts: &[(String, f64)], place: &Place) -> Outcome {
        let differences = self.place.differences(place).join(", ");
        match self.slack(place) {
            Some(SLACK) => {}
            Some(slack) => {
                println!("  counted elsewhere ({differences}): here {:.0} % more are allowed", slack * 100.0);
            }
            None => println!("  counted elsewhere ({differences}): nothing to compare here"),
        }
        let above = |name: &str, count: f64| match self.of_name(name) {
            Some(ceiling) => self.slack(place).is_some_and(|slack| count > ceiling * (1.0 + slack)),
            None => true,
        };
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
    let mut ceilings = Ceilings { counts: Vec::new(), place: Place::default() };
    for line in lines {
        let (name, value) = line.split_once('=').ok_or_else(|| line.to_owned())?;
        let (name, value) = (name.trim(), value.trim());
        if let Some((_, part)) = ceilings.place.parts().into_iter().find(|(own, _)| *own == name) {
            value.clone_into(part);
        } else {
            ceilings.counts.push((name.to_owned(), value.parse().map_err(|_| line.to_owned())?));
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
        let mut ceilings = Ceilings::of(&[("hit".to_owned(), 100.0)]);
        let counted = |count| [("hit".to_owned(), count)];
        assert!(ceilings.check(&counted(102.9)).is_ok());
        assert!(ceilings.check(&counted(103.1)).is_err());
        assert!(ceilings.judge("hit", 90.0).contains("--bless"));
        assert!(ceilings.check(&[("other".to_owned(), 1.0)]).is_err(), "what has no ceiling");
        for part in ["cpu", "compiler", "libc"] {
            let mut place = Place::here();
            place.parts().into_iter().filter(|(name, _)| *name == part).for_each(|(_, text)| text.push('?'));
            assert!(ceilings.check_at(&counted(110.0), &place).is_ok(), "{part}");
            assert!(ceilings.check_at(&counted(120.0), &place).is_err(), "{part}");
        }
        ceilings.place.architecture.push('?');
        assert!(ceilings.check(&counted(200.0)).is_ok(), "other instructions");
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let text = "# Head.\n\narchitecture = x\ncpu = of a kind\ncompiler = rustc 1 (a = b)\nlibc = 2\nhit = 100.0\n";
        let ceilings = parse(text).unwrap();
        assert_eq!(ceilings.of_name("hit"), Some(100.0));
        let (cpu, compiler) = ("of a kind".to_owned(), "rustc 1 (a = b)".to_owned());
        assert_eq!(ceilings.place, Place { architecture: "x".into(), cpu, compiler, libc: "2".into() });
        assert!(parse("hit: 3").is_err());
    }
}
