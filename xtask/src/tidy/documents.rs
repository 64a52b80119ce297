//! The commands and files that the documents name exist.

use std::fs;
use std::path::Path;

use super::sources::files_under;
use crate::metadata::Metadata;
use crate::run::root;
use crate::{COMMANDS, WORDY};

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
    complaints.extend(readme(&root, &metadata)?);
    Ok(complaints)
}

/// What the README must say: every feature, and the rust-version.
fn readme(root: &Path, metadata: &Metadata) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(root.join("README.md")).map_err(|error| format!("README.md: {error}"))?;
    let package = metadata.package("cachekit").ok_or("there is no package cachekit")?;
    let features = package.features.iter().filter(|feature| *feature != "default");
    let version = package.rust_version.iter().map(|version| format!("Rust {version}"));
    let wanted = features.map(|feature| format!("`{feature}`")).chain(version);
    Ok(wanted
        .filter(|words| !text.contains(words))
        .map(|words| format!("README.md does not say {words}"))
        .collect())
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
        && !WORDY.iter().any(|(known, ..)| known == name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_alone_or_between_backquotes() {
        let found: Vec<_> = commands("run `cargo xtask tidy`, or `cargo fmt`").collect();
        assert_eq!(found, [vec!["cargo", "xtask", "tidy"], vec!["cargo", "fmt"]]);
        assert_eq!(commands("cargo test # all").count(), 1);
    }

    #[test]
    fn what_does_not_exist_is_named() -> Result<(), String> {
        let metadata = Metadata::read()?;
        let missing = |command: &str| missing(&command.split(' ').collect::<Vec<_>>(), &metadata);
        for fine in [
            "cargo xtask test",
            "cargo run --example quickstart",
            "cargo doc -p cachekit",
            "cargo run --example NAME",
        ] {
            assert_eq!(missing(fine), None, "{fine}");
        }
        for wrong in ["cargo xtask tets", "cargo run --example quickstrat", "cargo doc -p cachekti"] {
            assert!(missing(wrong).is_some(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn links_to_files_are_followed() {
        let folder = root();
        let line =
            "[a](README.md) [b](nowhere.md#part) [c](https://example.com/x.md) [d](#part) [e](crate::Cache)";
        assert_eq!(links(line, &folder).collect::<Vec<_>>(), ["there is no nowhere.md to link to"]);
    }
}
