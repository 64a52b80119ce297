//! `cargo xtask msrv`: the stated rust-version is one that can be relied on.

use std::fs;
use std::process::Command;

use crate::Outcome;
use crate::metadata::{Metadata, PUBLISHED, Package, packages, tree};
use crate::run::{output, root, run as run_command};

/// Platforms whose dependencies are looked at.
const TARGETS: &str =
    "--target x86_64-unknown-linux-gnu --target x86_64-pc-windows-msvc --target aarch64-apple-darwin";

/// Checks the lint, the dependencies, and, where it is installed, the toolchain itself.
pub(crate) fn run() -> Outcome {
    let metadata = Metadata::read()?;
    let stated = stated(&metadata)?;
    println!("stated rust-version: {stated}");
    lint_is_on()?;
    println!(
        "our code: clippy's `incompatible_msrv` is on, so clippy refuses what the standard library got later"
    );
    for (what, flags) in [("default features", ""), ("all features", "--all-features")] {
        dependencies(what, flags, &metadata, &stated)?;
    }
    toolchain(&stated)
}

/// The version that all published packages state.
fn stated(metadata: &Metadata) -> Result<String, String> {
    let of = |name| metadata.package(name).and_then(|package: &Package| package.rust_version.clone());
    let versions = PUBLISHED.map(of);
    match &versions {
        [Some(version), ..] if versions.iter().all(|other| other == &versions[0]) => Ok(version.clone()),
        _ => Err(format!("expected one rust-version in {}, found {versions:?}", PUBLISHED.join(", "))),
    }
}

fn lint_is_on() -> Outcome {
    let manifest =
        fs::read_to_string(root().join("Cargo.toml")).map_err(|error| format!("Cargo.toml: {error}"))?;
    let on = ["warn", "deny", "forbid"]
        .iter()
        .any(|level| manifest.contains(&format!("incompatible_msrv = \"{level}\"")));
    if on {
        Ok(())
    } else {
        Err("expected `incompatible_msrv = \"warn\"` in [workspace.lints.clippy]".to_owned())
    }
}

/// No dependency states a later version.
fn dependencies(what: &str, flags: &str, metadata: &Metadata, stated: &str) -> Outcome {
    let crates = tree(&format!("{TARGETS} {} {flags}", packages()))?;
    let is_in_tree = |package: &&Package| crates.contains(&format!("{} {}", package.name, package.version));
    let all: Vec<&Package> = metadata.packages().filter(is_in_tree).collect();
    if all.len() != crates.len() {
        return Err(format!(
            "cargo tree names {} crates, cargo metadata knows {} of them",
            crates.len(),
            all.len()
        ));
    }
    let describe = |package: &&Package| {
        format!(
            "{} {} ({})",
            package.name,
            package.version,
            package.rust_version.as_deref().unwrap_or("none")
        )
    };
    let later = |package: &&&Package| {
        package.rust_version.as_deref().is_some_and(|own| numbers(own) > numbers(stated))
    };
    let later: Vec<String> = all.iter().filter(later).map(describe).collect();
    let silent = all.iter().filter(|package| package.rust_version.is_none());
    let silent: Vec<&str> = silent.map(|package| package.name.as_str()).collect();
    println!(
        "dependencies, {what}: {} state {stated} or earlier, {} state nothing{}{}",
        all.len() - later.len() - silent.len(),
        silent.len(),
        if silent.is_empty() { "" } else { ": " },
        silent.join(", ")
    );
    if later.is_empty() {
        Ok(())
    } else {
        Err(format!("these need a later Rust than {stated}: {}", later.join(", ")))
    }
}

/// `"1.89"` as `[1, 89, 0]`.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

/// The published packages compile with that toolchain, if it is here.
fn toolchain(stated: &str) -> Outcome {
    let installed = output(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let is_it = |name: &&str| name.strip_prefix(stated).is_some_and(|rest| rest.starts_with(['.', '-']));
    let Some(name) = installed.lines().filter_map(|line| line.split_whitespace().next()).find(is_it) else {
        println!("toolchain: Rust {stated} is not installed, so nothing was compiled with it");
        return Ok(());
    };
    let packages = packages();
    let mut command = Command::new("rustup");
    command
        .args(["run", name, "cargo", "check", "--all-features"])
        .args(packages.split(' '))
        .current_dir(root());
    // The cargo that runs this says which tools to use; the other toolchain has its own.
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    run_command(command.env("CARGO_TARGET_DIR", "target/msrv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(numbers("1.89"), [1, 89, 0]);
        assert!(numbers("1.100") > numbers("1.89.1") && numbers("1.89.1") > numbers("1.89"));
    }
}
