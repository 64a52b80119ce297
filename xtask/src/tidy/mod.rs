//! `cargo xtask tidy`: what no compiler checks.

mod dependencies;
mod documents;
pub(crate) mod sources;
mod ui;

use crate::Outcome;

type Check = fn() -> Result<Vec<String>, String>;

const CHECKS: [(&str, Check); 4] = [
    ("sources", sources::check),
    ("ui tests", ui::check),
    ("dependencies", dependencies::check),
    ("documents", documents::check),
];

/// Runs all checks and lists everything they find.
pub(crate) fn run() -> Outcome {
    let mut found = Vec::new();
    for (name, check) in CHECKS {
        let complaints = check()?;
        println!("tidy: {name}: {}", if complaints.is_empty() { "fine" } else { "see below" });
        found.extend(complaints);
    }
    if found.is_empty() { Ok(()) } else { Err(format!("{} untidy:\n  {}", found.len(), found.join("\n  "))) }
}
