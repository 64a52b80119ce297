//! What counts: valgrind, and the runner of gungraun.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::Outcome;
use crate::bench::{machine::locked, target};
use crate::run::{cargo, root, run as run_command};
use crate::servers::{find, install};

/// Installs valgrind where it is missing.
pub(super) fn valgrind() -> Outcome {
    if find("valgrind").is_some() {
        return Ok(());
    }
    println!("instructions: there is no valgrind");
    // The C library's symbols, which valgrind needs to begin at all.
    install("instructions", &["valgrind", "libc6-dbg"])
        .map_err(|error| format!("the instructions cannot be counted without valgrind: {error}"))?;
    match find("valgrind") {
        Some(_) => Ok(()),
        None => Err("apt-get was content, but there is still no valgrind".to_owned()),
    }
}

/// The runner of the version that the benchmarks are built with; installs it where it is missing.
pub(super) fn runner() -> Result<PathBuf, String> {
    let lock = fs::read_to_string(root().join("benches/Cargo.lock"))
        .map_err(|error| format!("benches/Cargo.lock: {error}"))?;
    let version = locked(&lock, "gungraun").ok_or("benches/Cargo.lock has no gungraun")?;
    let folder = target().join(format!("gungraun-{version}"));
    let runner = folder.join("bin/gungraun-runner");
    if !runner.is_file() {
        println!("instructions: installing gungraun-runner {version} into {}; once", folder.display());
        // It only starts valgrind and reads what that counted: it need not be fast, and is built in half the time.
        let words =
            format!("install gungraun-runner --version ={version} --locked --debug --no-track --root");
        let mut command = cargo(&words);
        command.arg(&folder).current_dir(env::temp_dir());
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_TARGET_DIR", target().join("runner"));
        run_command(&mut command).map_err(|error| {
            format!("the instructions cannot be counted without gungraun-runner: {error}")
        })?;
    }
    Ok(runner)
}
