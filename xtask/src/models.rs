//! Model checks: tests that run under `shuttle`, which chooses the schedules. They are those that call `shuttle::check`.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::metadata::PUBLISHED;
use crate::run::{cargo, root, run as run_command};
use crate::tidy::sources;

/// Runs the model checks of all packages.
pub(crate) fn run() -> Outcome {
    let mut found = 0;
    for package in PUBLISHED {
        for module in modules(package) {
            found += 1;
            // A target folder of its own: with the flag everything is another build.
            let mut command = cargo(&format!("test --release -p {package} --lib {module}"));
            run_command(command.env("RUSTFLAGS", "--cfg shuttle").env("CARGO_TARGET_DIR", "target/shuttle"))?;
        }
    }
    if found == 0 {
        println!("models: there are none");
    }
    Ok(())
}

/// The modules of a package that hold model checks, which is how `cargo test` chooses them.
fn modules(package: &str) -> Vec<String> {
    let source = root().join(package).join("src");
    let holds = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains("shuttle::check"));
    let files = sources::files_under(&source, "rs").into_iter().filter(|path| holds(path));
    files.map(|path| module(path.strip_prefix(&source).unwrap_or(&path))).collect()
}

/// `flight/models.rs` as `flight::models`.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.pop_if(|last| last == "mod");
    parts.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_module() {
        assert_eq!(module(Path::new("table/model.rs")), "table::model");
        assert_eq!(module(Path::new("flight/mod.rs")), "flight");
    }
}
