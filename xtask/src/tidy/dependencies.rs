//! The default features stay light.

use crate::metadata::tree;

/// The most crates in the tree of `cachekit` with its default features, itself included.
const CRATES: usize = 25;

/// What has no place in it.
const HEAVY: [&str; 4] = ["openssl", "openssl-sys", "native-tls", "tokio"];

/// Complains about the default tree.
pub(super) fn check() -> Result<Vec<String>, String> {
    let crates = tree("-p cachekit")?;
    println!("tidy: `cargo tree -e no-dev -p cachekit` has {} crates of {CRATES}", crates.len());
    let mut complaints = Vec::new();
    if crates.len() > CRATES {
        complaints
            .push(format!("the default tree of cachekit has {} crates, {CRATES} are the most", crates.len()));
    }
    let heavy = |name: &String| HEAVY.iter().any(|heavy| name.split(' ').next() == Some(heavy));
    complaints.extend(
        crates
            .iter()
            .filter(|name| heavy(name))
            .map(|name| format!("{name} is in the default tree of cachekit")),
    );
    Ok(complaints)
}
