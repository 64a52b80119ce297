//! `cargo xtask bench [SECTION...]`: measures this crate beside its peers, and writes `benches/RESULTS.md`.

pub(crate) mod machine;
mod results;

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use self::results::Results;
use crate::run::{cargo, root};
use crate::{Outcome, instructions};

/// The sections, in the order of the results, with what measures them.
const SECTIONS: [(&str, Program); 10] = [
    ("hits", Program::Bench),
    ("instructions", Program::Callgrind),
    ("working-set", Program::Bench),
    ("contention", Program::Bench),
    ("hit-ratio", Program::Bench),
    ("memory", Program::Memory),
    ("pauses", Program::Bench),
    ("stampede", Program::Bench),
    ("remote", Program::Remote),
    ("compile", Program::Bench),
];

#[derive(Clone, Copy)]
enum Program {
    Bench,
    /// Its allocator counts.
    Memory,
    /// It needs other features.
    Remote,
    Callgrind,
}

/// Runs the sections that the words name, or all; `--traces DIR` says where traces are.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let (mut sections, mut traces) = (Vec::new(), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == "--traces" {
            let folder = words.next().ok_or("`--traces` is followed by a folder")?;
            let here = env::current_dir().map_err(|error| format!("the current folder: {error}"))?;
            traces = Some(here.join(folder));
        } else {
            let known = SECTIONS.iter().find(|(name, _)| name == word);
            sections.push(*known.ok_or_else(|| {
                format!(
                    "there is no section `{word}`; there are: {}",
                    SECTIONS.map(|(name, _)| name).join(", ")
                )
            })?);
        }
    }
    if sections.is_empty() {
        sections = SECTIONS.to_vec();
    }
    let mut failures = Vec::new();
    for (name, program) in sections {
        println!("\n== {name} ==\n");
        let text = match program {
            Program::Callgrind => instructions::section(),
            other => measure(name, other, traces.as_ref()),
        };
        // One after the other, so that a long run that is stopped leaves what it has.
        match text {
            Ok(text) => Results::read().replace(name, &text, &SECTIONS.map(|(name, _)| name))?,
            Err(message) => failures.push(format!("{name}: {message}")),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// `cargo` on the package of the benchmarks, which is a workspace of its own.
pub(crate) fn cargo_benches(words: &str) -> Command {
    let mut command = cargo(words);
    command.current_dir(root().join("benches")).env("CARGO_TARGET_DIR", target());
    command
}

/// Where they are built: beside what else is built, and kept apart from it.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("benches")
}

fn measure(name: &str, program: Program, traces: Option<&PathBuf>) -> Result<String, String> {
    let (bin, features) = match program {
        Program::Memory => ("memory", "peers"),
        Program::Remote => ("remote", "remote"),
        Program::Bench | Program::Callgrind => ("bench", "peers"),
    };
    let mut command =
        cargo_benches(&format!("run --quiet --release --features {features} --bin {bin} -- {name}"));
    if let Some(folder) = traces {
        command.env("CACHEKIT_TRACES", folder);
    }
    shown_and_kept(&mut command)
}

/// Runs the command, and shows and gives what it prints.
fn shown_and_kept(command: &mut Command) -> Result<String, String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo: {error}"))?;
    let mut text = String::new();
    for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
        let line = line.map_err(|error| format!("what it prints cannot be read: {error}"))?;
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(text) } else { Err(format!("the program failed ({status})")) }
}
