//! Developer commands: `cargo xtask test` and its friends.

mod bench;
mod examples;
mod instructions;
mod metadata;
mod models;
mod msrv;
mod run;
mod sanitizers;
mod servers;
mod suite;
mod tidy;

use std::process::ExitCode;

/// A command: its name, what it does, and the doing.
type Command = (&'static str, &'static str, fn() -> Outcome);

/// A command that takes words.
type Wordy = (&'static str, &'static str, fn(&[&str]) -> Outcome);

const WORDY: [Wordy; 2] = [
    ("bench", "measures this crate beside its peers: bench [--traces DIR] [SECTION...]", bench::run),
    (
        "instructions",
        "counts the instructions of the hot paths, and compares with benches/ceilings.toml [--bless]",
        instructions::run,
    ),
];

const COMMANDS: [Command; 7] = [
    (
        "test",
        "runs everything: servers, format, lints, tests, docs, models, sanitizers, instructions, examples, msrv",
        suite::run,
    ),
    ("tidy", "checks what no compiler checks: files, dependencies, documents", tidy::run),
    ("msrv", "checks the stated rust-version", msrv::run),
    ("models", "runs the model checks: every schedule that matters, not only those that happen", models::run),
    ("sanitizers", "runs the tests around unsafe code under the address sanitizer", sanitizers::run),
    ("examples", "runs all examples, and the quickstart on every backend", examples::run),
    ("servers", "installs the servers that the tests start, where they are missing", servers::run),
];

/// What a command ends in; an error says what to do about it.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.split_first() {
        Some((name, rest)) => dispatch(name, rest),
        None => Err(usage()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, words: &[&str]) -> Outcome {
    if let Some((_, _, command)) = WORDY.iter().find(|(known, ..)| *known == name) {
        return command(words);
    }
    match COMMANDS.iter().find(|(known, ..)| *known == name) {
        Some((_, _, command)) if words.is_empty() => command(),
        Some(_) => Err(usage()),
        None => Err(format!("unknown command `{name}`\n{}", usage())),
    }
}

fn usage() -> String {
    let names = COMMANDS.iter().map(|(name, what, _)| (name, what));
    let names = names.chain(WORDY.iter().map(|(name, what, _)| (name, what)));
    let lines: Vec<_> = names.map(|(name, what)| format!("  {name:<14}{what}")).collect();
    format!("usage: cargo xtask COMMAND\n\n{}", lines.join("\n"))
}
