//! `benches/RESULTS.md`: a part for each section, which a run of the section replaces.

use std::fs;
use std::path::PathBuf;

use super::machine;
use crate::Outcome;
use crate::run::root;

/// What is in the file.
pub(super) struct Results {
    /// The names of sections, and what was measured.
    parts: Vec<(String, String)>,
}

impl Results {
    /// What was measured before.
    pub(super) fn read() -> Self {
        Self { parts: parts(&fs::read_to_string(file()).unwrap_or_default()) }
    }

    /// Writes the file, with this text for the section; sections stand in the order of the names.
    pub(super) fn replace(mut self, name: &str, text: &str, order: &[&str]) -> Outcome {
        self.parts.retain(|(own, _)| own != name);
        self.parts.push((name.to_owned(), format!("Measured {}.\n\n{}", machine::moment(), text.trim())));
        self.parts.sort_by_key(|(own, _)| order.iter().position(|name| name == own));
        let part = |(name, text): &(String, String)| format!("\n## {name}\n\n{}\n", text.trim());
        let parts = self.parts.iter().map(part).collect::<Vec<_>>().concat();
        let head = format!(
            "# Results\n\nWritten by `cargo xtask bench`; each part by a run of its section. Contestants take turns in one \
             process; where\nthe machine is shared, read the ratios. Targets stand at the end of each part.\n\n{}",
            machine::describe(),
        );
        fs::write(file(), format!("{head}{parts}")).map_err(|error| format!("{}: {error}", file().display()))
    }
}

fn file() -> PathBuf {
    root().join("benches/RESULTS.md")
}

fn parts(text: &str) -> Vec<(String, String)> {
    let parts = text.split("\n## ").skip(1);
    parts.filter_map(|part| part.split_once('\n')).map(|(n, t)| (n.to_owned(), t.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_are_found_by_their_headings() {
        let found = parts("# Results\n\nHead.\n\n## a\n\nOne.\n\n### b\n\nTwo.\n\n## c\n\nThree.\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "a");
        assert!(found[0].1.contains("### b") && found[1].1.contains("Three"));
    }
}
