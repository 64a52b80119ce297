//! Every ui test has the message it expects, and no message is without its test.

use std::path::Path;

use super::sources::files_under;
use crate::run::root;

/// Complains about halves of pairs.
#[allow(clippy::unnecessary_wraps, reason = "a check among others")]
pub(super) fn check() -> Result<Vec<String>, String> {
    let root = root();
    let in_ui = |path: &Path| path.iter().any(|part| part == "ui");
    // What compiles has no message.
    let passes = |path: &Path| path.iter().any(|part| part == "pass");
    let mut complaints = Vec::new();
    for (has, wants) in [("rs", "stderr"), ("stderr", "rs")] {
        for path in files_under(&root, has) {
            let name = path.strip_prefix(&root).unwrap_or(&path);
            if in_ui(name) && !passes(name) && !path.with_extension(wants).exists() {
                complaints.push(format!("{}: its .{wants} is missing", name.display()));
            }
        }
    }
    Ok(complaints)
}
