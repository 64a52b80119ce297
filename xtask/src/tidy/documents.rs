//! The commands and files that the documents name exist.

use std::fs;
use std::path::Path;

use super::sources::files_under;
use crate::COMMANDS;
use crate::metadata::Metadata;
use crate::run::root;

/// Complains about documents.
pub(super) fn check() -> Result<Vec<String>, String> {
    let root = root();
    let metadata = Metadata::read()?;
    let mut complaints = Vec::new();
    for path in files_under(&root, "md") {
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let folder = path.parent().unwrap_or(&root);
        for (number, line) in (1..).zip(text.lines()) {
            let wrong =
                commands(line).filter_map(|words| missing(&words, &metadata)).chain(links(line, folder));
            complaints.extend(wrong.map(|what| format!("{name}, line {number}: {what}")));
        }
    }
    Ok(complaints)
}

/// The cargo commands in a line: what stands between backquotes, or the whole line.
fn commands(line: &str) -> impl Iterator<Item = Vec<&str>> {
    line.split('`')
        .map(str::trim)
        .filter(|part| part.starts_with("cargo "))
        .map(|part| part.split_whitespace().collect())
}

/// What a command names that does not exist.
fn missing(words: &[&str], metadata: &Metadata) -> Option<String> {
    if let ["cargo", "xtask", name, ..] = words
        && !COMMANDS.iter().any(|(known, ..)| known == name)
        && name.chars().all(char::is_alphanumeric)
        && name.chars().all(char::is_lowercase)
    {
        return Some(format!("there is no `cargo xtask {name}`"));
    }
    words.windows(2).find_map(|pair| match pair {
        ["--example", name] if is_name(name) => {
            let known =
                metadata.packages().any(|package| package.examples.iter().any(|example| example == name));
            (!known).then(|| format!("there is no example {name}"))
        }
        ["-p", name] if is_name(name) => {
            metadata.package(name).is_none().then(|| format!("there is no package {name}"))
        }
        _ => None,
    })
}

/// Whether the word is a name, not a stand-in such as `NAME`.
fn is_name(word: &str) -> bool {
    word.chars().any(char::is_lowercase)
}

/// The files of this repository that a line links to and that are not there.
fn links<'a>(line: &'a str, folder: &'a Path) -> impl Iterator<Item = String> + 'a {
    line.split("](").skip(1).filter_map(move |rest| {
        let target = rest.split([')', '#']).next()?;
        let is_file =
            !target.is_empty() && !target.contains("::") && (target.contains('.') || target.contains('/'));
        let missing = is_file && !target.contains("//") && !folder.join(target).exists();
        missing.then(|| format!("there is no {target} to link to"))
    })
}
