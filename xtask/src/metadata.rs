//! What `cargo metadata` says of the packages here and of those they are built from.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::run::{cargo, output};

/// The packages that are published.
pub(crate) const PUBLISHED: [&str; 3] = ["cachekit-backends", "cachekit-macros", "cachekit"];

/// The flags that choose them.
pub(crate) fn packages() -> String {
    PUBLISHED.map(|name| format!("-p {name}")).join(" ")
}

/// One package.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    pub(crate) features: Vec<String>,
    pub(crate) examples: Vec<String>,
}

/// All packages: those of this workspace and all that they may be built from.
pub(crate) struct Metadata {
    packages: Vec<Package>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self, String> {
        let text = output(&mut cargo("metadata --format-version 1"))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        Ok(Self { packages: list(&json["packages"]).map(read_package).collect() })
    }

    /// A package of this workspace.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages().find(|package| package.name == name)
    }

    /// The packages.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter()
    }
}

/// The crates that packages are built from, themselves included, as `name version`; `flags` chooses the packages.
pub(crate) fn tree(flags: &str) -> Result<BTreeSet<String>, String> {
    let tree = output(&mut cargo(&format!("tree -e no-dev --prefix none --format {{p}} {flags}")))?;
    // Behind name and version, a crate that stands there again is marked.
    let name = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ").replace(" v", " ");
    Ok(tree.lines().filter(|line| !line.is_empty()).map(name).collect())
}

fn read_package(package: &Value) -> Package {
    let is_example = |target: &&Value| list(&target["kind"]).any(|kind| kind == "example");
    Package {
        name: text_of(&package["name"]),
        version: text_of(&package["version"]),
        rust_version: package["rust_version"].as_str().map(str::to_owned),
        features: package["features"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect(),
        examples: list(&package["targets"])
            .filter(is_example)
            .map(|target| text_of(&target["name"]))
            .collect(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
