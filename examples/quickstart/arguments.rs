//! The command line.

use std::path::{Path, PathBuf};
use std::{fs, io};

const USAGE: &str = "\
usage: quickstart [--cache URL] [FILE...]

Analyses text files; without any, the documents of this repository.

  --cache URL   where results are kept:
                simple://                                this process (the default)
                filesystem:///path                       files
                redis://host:6379                        Redis
                redis+sentinel://host:26379/mymaster     the master that sentinels name
                redis+cluster://host:7000,host:7001      a Redis cluster
                memcached://host:11211                   Memcached
                memcached+sasl://user:password@host:11211
                memcached+spread://host:11211            the same, large values over several entries
                uwsgi://name@host:3031                   the cache of a uWSGI server
                null://                                  nowhere";

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) cache: String,
    pub(crate) files: Vec<PathBuf>,
}

impl Arguments {
    /// Reads the arguments; `None` when help was all that was wanted.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut cache = "simple://".to_owned();
        let mut files = Vec::new();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--cache" => cache = words.next().ok_or("--cache is followed by a URL, such as simple://")?,
                "--help" | "-h" => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                "--" => files.extend(words.by_ref().map(PathBuf::from)),
                _ => match word.strip_prefix("--cache=") {
                    Some(url) => url.clone_into(&mut cache),
                    None if word.starts_with('-') => return Err(format!("unknown option {word}\n{USAGE}")),
                    None => files.push(PathBuf::from(word)),
                },
            }
        }
        if files.is_empty() {
            files = own_documents()
                .map_err(|error| format!("cannot list this repository's documents: {error}"))?;
        }
        Ok(Some(Self { cache, files }))
    }
}

/// The Markdown files at the root of this repository.
fn own_documents() -> io::Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
