//! All examples run, and the quickstart does what it says: the same values whatever the cache, clear refusals.

use std::fs;

use crate::Outcome;
use crate::metadata::Metadata;
use crate::run::{cargo, output, root, run as run_command};

/// Runs them.
pub(crate) fn run() -> Outcome {
    let metadata = Metadata::read()?;
    let package = metadata.package("cachekit-examples").ok_or("there is no package cachekit-examples")?;
    for example in &package.examples {
        run_command(&mut cargo(&format!("run -q --example {example}")))?;
    }
    quickstart_elsewhere()?;
    quickstart_refuses("--cache simpel://")?;
    quickstart_refuses("--cahce simple://")
}

/// With its results on disk, first where nothing is and then where they are, and with none kept.
fn quickstart_elsewhere() -> Outcome {
    let folder = root().join("target").join("quickstart-cache");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .map_err(|error| format!("{} cannot be removed: {error}", folder.display()))?;
    }
    let disk = format!("filesystem://{}", folder.display());
    let values = |url: &str| {
        println!("\n$ cargo run -q --example quickstart -- --cache {url}");
        let printed = output(cargo("run -q --example quickstart -- --cache").arg(url))?;
        let (_, values) = printed.split_once("\n\n").ok_or("the quickstart printed no values")?;
        let (values, _) = values.split_once("\nfirst pass").ok_or("the quickstart printed no first pass")?;
        Ok::<_, String>(values.to_owned())
    };
    let expected = values("simple://")?;
    for url in [&disk, &disk, "null://"] {
        if values(url)? != expected {
            return Err(format!("the quickstart printed other values with --cache {url}"));
        }
    }
    println!("the quickstart printed the same {} values each time", expected.lines().count());
    Ok(())
}

/// What cannot be used is said, with exit code 2.
fn quickstart_refuses(words: &str) -> Outcome {
    println!("\n$ cargo run -q --example quickstart -- {words}");
    let status = cargo(&format!("run -q --example quickstart -- {words}")).status();
    let code = status.map_err(|error| format!("the quickstart cannot be run: {error}"))?.code();
    if code == Some(2) { Ok(()) } else { Err(format!("expected exit code 2 for `{words}`, found {code:?}")) }
}
