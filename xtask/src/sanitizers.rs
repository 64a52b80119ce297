//! The tests of what is `unsafe`, under the address sanitizer.

use std::path::Path;

use crate::Outcome;
use crate::run::{cargo, output, run as run_command};

/// The tests that go through the unsafe code: the in-process table and who uses it.
const TESTS: [&str; 2] = ["table", "flights"];

/// Runs them, where this toolchain has the sanitizer.
pub(crate) fn run() -> Outcome {
    let rustc = || std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let version = output(rustc().arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let libraries = output(rustc().args(["--print", "target-libdir"]))?;
    if host != "x86_64-unknown-linux-gnu" || !has_sanitizer(Path::new(libraries.trim())) {
        println!("sanitizers: left out, this toolchain has none for {host}");
        return Ok(());
    }
    let tests = TESTS.map(|test| format!("--test {test}")).join(" ");
    let mut command = cargo(&format!("test --target {host} -p cachekit-tests {tests}"));
    // The flag is one of nightly's; the library that it needs comes with every toolchain. A target folder of its own,
    // because with the flag everything is another build.
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        // What the table's reclamation leaves for the end of the process is no leak.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .env("CARGO_TARGET_DIR", "target/sanitizers");
    run_command(&mut command)
}

fn has_sanitizer(libraries: &Path) -> bool {
    let files = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    files.map(|file| file.file_name()).any(|name| name.to_string_lossy().ends_with("_rt.asan.a"))
}
