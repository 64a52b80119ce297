//! Every bad use has one good error: the files in `ui/` are one mistake each, named after it.
//!
//! `TRYBUILD=overwrite cargo test -p cachekit-tests --test ui` rewrites what is expected.

#![allow(missing_docs, reason = "a test")]

use std::process::Command;

/// The compiler whose own words `ui/rustc/*.stderr` hold; another one says the same in others.
const RUSTC: &str = "rustc 1.95.";

#[test]
fn every_mistake_has_one_good_error() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("ui/*.rs");
    let version = Command::new("rustc").arg("--version").output().expect("rustc runs");
    if String::from_utf8_lossy(&version.stdout).starts_with(RUSTC) {
        tests.compile_fail("ui/rustc/*.rs");
    } else {
        println!("left out: ui/rustc, whose words are those of {RUSTC}x");
    }
}
