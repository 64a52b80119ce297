//! Analyses text files with memoized functions, twice, and shows what came from the cache; then forgets some of it.
//!
//! ```text
//! cargo run --example quickstart                                  # this repository's documents, in this process
//! cargo run --example quickstart -- --cache filesystem:///tmp/words notes.txt
//! cargo run --example quickstart -- --cache redis://localhost:6379
//! ```

mod analysis;
mod arguments;
mod passes;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use cachekit::{Cache, delete_memoized};
use cachekit_examples::block_on;

use self::analysis::{Analyzer, similarity, word_counts};
use self::arguments::Arguments;
use self::passes::Passes;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS,
        Err(message) => return refuse(&message),
    };
    // The one line that chooses where results are kept. The functions know nothing of it.
    let cache = match Cache::from_url(&arguments.cache) {
        Ok(cache) => cache,
        Err(error) => return refuse(&format!("--cache: {error:#}")),
    };
    // Not the URL: it may hold a password.
    println!("cache: {}\n", cache.backend().name());
    if let Err(rejected) = cachekit::install(cache) {
        return refuse(&rejected.to_string());
    }
    match run(&arguments.files) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quickstart: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Analyses everything twice, then forgets one call, one instance and one function, and looks each time what that cost.
fn run(files: &[PathBuf]) -> Result<ExitCode, Box<dyn Error>> {
    let mut passes =
        Passes::new(files, vec![Analyzer { id: 1, shortest: 4 }, Analyzer { id: 2, shortest: 9 }]);
    passes.run("first pass")?;
    passes.run("second pass")?;
    let first = &passes.documents[0];

    println!("\nforgetting one call: delete_memoized!(word_counts, {})", first.name());
    delete_memoized!(word_counts, first)?;
    passes.run("afterwards")?;

    println!("\nforgetting one instance: delete_memoized!(analyzer.frequent)");
    let analyzer = &passes.analyzers[0];
    delete_memoized!(analyzer.frequent)?;
    passes.run("afterwards")?;

    println!("\nforgetting one function: delete_memoized!(similarity).await");
    block_on(async { delete_memoized!(similarity).await })?;
    passes.run("afterwards")?;

    passes::print_statistics();
    Ok(if passes.unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was asked for cannot be done.
fn refuse(message: &str) -> ExitCode {
    eprintln!("quickstart: {message}");
    ExitCode::from(2)
}
