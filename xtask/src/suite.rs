//! `cargo xtask test`: everything, one step after the other; what fails is said again at the end.

use std::time::Instant;

use crate::bench::cargo_benches;
use crate::metadata::{Metadata, PUBLISHED, packages};
use crate::run::{cargo, run as run_command};
use crate::{Outcome, examples, instructions, models, msrv, sanitizers, servers, tidy};

type Step = fn() -> Outcome;

const STEPS: [(&str, Step); 12] = [
    ("servers", servers::run),
    ("format", format),
    ("tidy", tidy::run),
    ("lints", lints),
    ("features", features),
    ("docs", docs),
    ("models", models::run),
    ("sanitizers", sanitizers::run),
    ("instructions", || instructions::run(&[])),
    ("examples", examples::run),
    ("msrv", msrv::run),
    // Last, so that the output ends in what the tests say.
    ("tests", tests),
];

/// Runs all steps.
pub(crate) fn run() -> Outcome {
    let start = Instant::now();
    let mut failures = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name} ==");
        if let Err(message) = step() {
            eprintln!("{name}: {message}");
            failures.push(format!("{name}: {message}"));
        }
    }
    let seconds = start.elapsed().as_secs();
    if failures.is_empty() {
        println!("\nall {} steps passed in {seconds} s", STEPS.len());
        return Ok(());
    }
    Err(format!(
        "{} of {} steps failed in {seconds} s:\n{}",
        failures.len(),
        STEPS.len(),
        failures.join("\n")
    ))
}

fn format() -> Outcome {
    run_command(&mut cargo("fmt --all --check"))?;
    run_command(&mut cargo_benches("fmt --check"))
}

/// With all features, and with none: what is unused then must be gone.
fn lints() -> Outcome {
    run_command(&mut cargo("clippy --workspace --all-targets --all-features --keep-going -- -D warnings"))?;
    run_command(&mut cargo("clippy -p cachekit-backends -p cachekit -- -D warnings"))?;
    // Without the peers, which take minutes.
    run_command(&mut cargo_benches("clippy --all-targets -- -D warnings"))
}

/// Each feature alone compiles.
fn features() -> Outcome {
    let metadata = Metadata::read()?;
    for name in PUBLISHED {
        let package = metadata.package(name).ok_or_else(|| format!("there is no package {name}"))?;
        for feature in package.features.iter().filter(|feature| *feature != "default") {
            run_command(&mut cargo(&format!("check -p {name} --no-default-features --features {feature}")))?;
        }
    }
    Ok(())
}

/// No test is left out for want of a server.
fn tests() -> Outcome {
    let mut command = cargo("test --workspace --all-features --no-fail-fast");
    run_command(command.env("CACHEKIT_SERVERS", "required"))
}

fn docs() -> Outcome {
    run_command(
        cargo(&format!("doc --no-deps --all-features {}", packages())).env("RUSTDOCFLAGS", "-D warnings"),
    )
}
