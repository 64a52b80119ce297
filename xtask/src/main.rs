//! Developer commands: `cargo xtask test` and its friends.

mod examples;
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

const COMMANDS: [Command; 8] = [
    (
        "test",
        "runs everything: servers, format, lints, tests, docs, models, sanitizers, examples, msrv",
        suite::run,
    ),
    ("tidy", "checks what no compiler checks: files, dependencies, documents", tidy::run),
    ("msrv", "checks the stated rust-version", msrv::run),
    ("models", "runs the model checks: every schedule that matters, not only those that happen", models::run),
    ("sanitizers", "runs the tests around unsafe code under the address sanitizer", sanitizers::run),
    ("examples", "runs all examples, and the quickstart on every backend", examples::run),
    ("servers", "installs the servers that the tests start, where they are missing", servers::run),
    ("bench", "measures this crate beside its peers", bench),
];

/// What a command ends in; an error says what to do about it.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] => match COMMANDS.iter().find(|(known, ..)| *known == name) {
            Some((_, _, command)) => command(),
            None => Err(format!("unknown command `{name}`\n{}", usage())),
        },
        _ => Err(usage()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let lines = COMMANDS.map(|(name, what, _)| format!("  {name:<12}{what}"));
    format!("usage: cargo xtask COMMAND\n\n{}", lines.join("\n"))
}

fn bench() -> Outcome {
    Err("there are no benchmarks yet; they come with their own work, in benches/".to_owned())
}
