//! What is computed: plain functions with an attribute.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cachekit::{CacheKey, memoize};
use cachekit_examples::in_thread;

/// A file as it was at one time: when it changes, so does the key of everything computed from it.
#[derive(CacheKey)]
pub(crate) struct Document {
    path: PathBuf,
    modified: SystemTime,
}

impl Document {
    /// A file that can be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let modified = File::open(path)?.metadata()?.modified()?;
        Ok(Self { path: path.canonicalize()?, modified })
    }

    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// How often each word occurs. In an `Arc`, so that a hit copies nothing.
pub(crate) type Counts = Arc<BTreeMap<String, u32>>;

/// Counts the words of a document. An error is not cached: the next call tries again.
#[memoize]
pub(crate) fn word_counts(document: &Document) -> io::Result<Counts> {
    let text = fs::read_to_string(&document.path)?;
    let mut counts = BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    Ok(Arc::new(counts))
}

/// How alike two documents are, from 0 to 1: the cosine of the angle between their word counts.
#[memoize(timeout = "1h")]
pub(crate) async fn similarity(one: &Document, other: &Document) -> io::Result<f64> {
    let (one, other) = (word_counts(one)?, word_counts(other)?);
    // Not because it takes long, but to be asynchronous in earnest: the future waits for another thread.
    Ok(in_thread(move || cosine(&one, &other)).await)
}

fn cosine(one: &BTreeMap<String, u32>, other: &BTreeMap<String, u32>) -> f64 {
    let length =
        |counts: &BTreeMap<String, u32>| counts.values().map(|n| f64::from(*n).powi(2)).sum::<f64>().sqrt();
    let product = |(word, n): (&String, &u32)| f64::from(*n) * other.get(word).map_or(0.0, |m| f64::from(*m));
    let lengths = length(one) * length(other);
    if lengths > 0.0 { one.iter().map(product).sum::<f64>() / lengths } else { 0.0 }
}

/// Looks for the frequent words of a document. Each analyzer has results of its own: what it is, is part of the key.
#[derive(CacheKey)]
pub(crate) struct Analyzer {
    pub(crate) id: u32,
    /// The length of the shortest words that it looks at.
    pub(crate) shortest: usize,
}

impl Analyzer {
    /// The most frequent words, with how often they occur.
    #[memoize]
    pub(crate) fn frequent(&self, document: &Document) -> io::Result<Vec<(String, u32)>> {
        let counts = word_counts(document)?;
        let long = counts.iter().filter(|(word, _)| word.chars().count() >= self.shortest);
        let mut words: Vec<(String, u32)> = long.map(|(word, n)| (word.clone(), *n)).collect();
        words.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        words.truncate(3);
        Ok(words)
    }
}
