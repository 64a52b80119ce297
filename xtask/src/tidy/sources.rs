//! Every source file says what it is, is short enough to read, and leaves nothing for later.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::root;

/// The most lines of a file, tests excepted.
const LINES: usize = 500;

/// Words that stand for unfinished work. Written so that this file does not contain them.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[ig", "nore"),
];

/// Complains about source files.
#[allow(clippy::unnecessary_wraps, reason = "a check among others")]
pub(super) fn check() -> Result<Vec<String>, String> {
    let root = root();
    let mut complaints = Vec::new();
    for path in files_under(&root, "rs") {
        let name = path.strip_prefix(&root).unwrap_or(&path);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                complaints.push(format!("{}: {error}", name.display()));
                continue;
            }
        };
        complaints.extend(about(name, &text).into_iter().map(|what| format!("{}: {what}", name.display())));
    }
    Ok(complaints)
}

fn about(name: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    // What the tests give to the compiler, or compare with what it says, is as they need it.
    let is_data = name.iter().any(|part| part == "ui" || part == "snapshots");
    if !is_data && !text.starts_with("//!") {
        complaints.push("begin with a `//!` line that says what the file is".to_owned());
    }
    let is_test = name.iter().any(|part| part == "tests" || part == "tests.rs");
    let lines = text.lines().count();
    if !is_test && lines > LINES {
        complaints.push(format!("{lines} lines; split it, {LINES} are the most"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            complaints.push(format!("line {number}: finish it or leave it out: {word}"));
        }
    }
    complaints
}

/// The files of an extension under a folder, without what is built or hidden, in order.
pub(crate) fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        let hidden =
            path.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            files.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidy_file_has_no_complaints() {
        assert!(about(Path::new("a/src/b.rs"), "//! What it is.\n\nfn f() {}\n").is_empty());
        assert!(about(Path::new("tests/ui/b.rs"), "fn main() {}\n").is_empty());
    }

    #[test]
    fn an_untidy_one_has_one_for_each_fault() {
        let text = format!("fn f() {{\n    {}) // {}\n", UNFINISHED[2], UNFINISHED[1]) + &"\n".repeat(LINES);
        let complaints = about(Path::new("a/src/b.rs"), &text);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert_eq!(about(Path::new("a/src/tests.rs"), &text).len(), 2);
    }
}
