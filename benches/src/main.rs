//! Runs the sections that it is told.

use std::process::ExitCode;

use cachekit_benches::sections::{compile, contention, hit_ratio, hits, pauses, stampede, working_set};

const SECTIONS: [(&str, fn()); 7] = [
    ("hits", hits::run),
    ("working-set", working_set::run),
    ("contention", contention::run),
    ("hit-ratio", hit_ratio::run),
    ("pauses", pauses::run),
    ("stampede", stampede::run),
    ("compile", compile::run),
];

fn main() -> ExitCode {
    for word in std::env::args().skip(1) {
        let Some((_, run)) = SECTIONS.iter().find(|(name, _)| *name == word) else {
            eprintln!("there is no section {word}; there are: {}", SECTIONS.map(|(name, _)| name).join(", "));
            return ExitCode::FAILURE;
        };
        run();
    }
    ExitCode::SUCCESS
}
