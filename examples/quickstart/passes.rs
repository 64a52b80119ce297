//! Going over all documents, again and again, and counting who did the work: the functions or the cache.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cachekit::SiteStats;
use cachekit_examples::block_on;

use crate::analysis::{Analyzer, Document, similarity, word_counts};

/// The work, and what it gave the first time.
pub(crate) struct Passes {
    pub(crate) documents: Vec<Document>,
    pub(crate) analyzers: Vec<Analyzer>,
    /// Files that turned out not to be readable.
    pub(crate) unreadable: usize,
    values: Option<Vec<String>>,
}

impl Passes {
    /// Takes the files that can be opened.
    pub(crate) fn new(files: &[PathBuf], analyzers: Vec<Analyzer>) -> Self {
        let mut passes = Self { documents: Vec::new(), analyzers, unreadable: 0, values: None };
        for path in files {
            match Document::open(path) {
                Ok(document) => passes.documents.push(document),
                Err(error) => {
                    report(&path.display(), &error);
                    passes.unreadable += 1;
                }
            }
        }
        passes
    }

    /// Analyses all documents and prints what was computed and what came from the cache. The values are printed by the
    /// first pass; every later one must find the same.
    pub(crate) fn run(&mut self, title: &str) -> Result<(), Box<dyn Error>> {
        let counts = Stage::begin("word_counts", word_counts::stats);
        let mut values = self.summaries();
        let counts = counts.end();
        if self.documents.is_empty() {
            return Err("none of the files can be read as text".into());
        }
        let frequent = Stage::begin("Analyzer::frequent", Analyzer::frequent_stats);
        values.extend(self.frequent_words()?);
        let frequent = frequent.end();
        let alike = Stage::begin("similarity", similarity::stats);
        values.extend(block_on(self.similarities())?);
        let alike = alike.end();

        match &self.values {
            None => values.iter().for_each(|value| println!("{value}")),
            Some(first) if *first == values => {}
            Some(_) => return Err(format!("{title}: the values are not those of the first pass").into()),
        }
        self.values = Some(values);
        println!("\n{title:<24}{:>10}{:>12}{:>14}", "computed", "from cache", "time");
        for stage in [counts, frequent, alike] {
            println!("{stage}");
        }
        Ok(())
    }

    /// A line for each document; what cannot be read is reported and left out from then on.
    fn summaries(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let unreadable = &mut self.unreadable;
        self.documents.retain(|document| match word_counts(document) {
            Ok(counts) => {
                let words: u32 = counts.values().sum();
                lines.push(format!("{}: {words} words, {} different", document.name(), counts.len()));
                true
            }
            Err(error) => {
                report(&document.name(), &error);
                *unreadable += 1;
                false
            }
        });
        lines
    }

    fn frequent_words(&self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for analyzer in &self.analyzers {
            for document in &self.documents {
                let words = analyzer.frequent(document)?;
                let words: Vec<String> = words.iter().map(|(word, n)| format!("{word} ({n})")).collect();
                let shortest = analyzer.shortest;
                lines.push(format!("{}, {shortest} letters or more: {}", document.name(), words.join(", ")));
            }
        }
        Ok(lines)
    }

    /// The three pairs that are most alike.
    async fn similarities(&self) -> io::Result<Vec<String>> {
        let mut pairs = Vec::new();
        for (i, one) in self.documents.iter().enumerate() {
            for other in &self.documents[i + 1..] {
                pairs.push((similarity(one, other).await?, one, other));
            }
        }
        pairs.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let line = |(alike, one, other): &(f64, &Document, &Document)| {
            format!("{} and {}: {:.0} % alike", one.name(), other.name(), alike * 100.0)
        };
        Ok(pairs.iter().take(3).map(line).collect())
    }
}

/// Tells of a file that cannot be analysed.
fn report(name: &impl Display, error: &io::Error) {
    eprintln!("quickstart: cannot read {name}: {error}");
}

/// What one function did in a pass.
struct Stage {
    function: &'static str,
    stats: fn() -> SiteStats,
    before: SiteStats,
    began: Instant,
}

impl Stage {
    fn begin(function: &'static str, stats: fn() -> SiteStats) -> Self {
        Self { function, stats, before: stats(), began: Instant::now() }
    }

    fn end(self) -> String {
        let time = self.began.elapsed();
        let (before, now) = (self.before, (self.stats)());
        let computed = now.misses + now.bypasses - before.misses - before.bypasses;
        let cached = now.hits + now.coalesced - before.hits - before.coalesced;
        format!("  {:<22}{computed:>10}{cached:>12}{:>14}", self.function, milliseconds(time))
    }
}

/// Prints what happened at every annotated function.
pub(crate) fn print_statistics() {
    println!(
        "\n{:<24}{:>6}{:>8}{:>10}{:>8}{:>8}{:>9}{:>14}",
        "all functions", "hits", "misses", "bypasses", "stored", "errors", "entries", "body took"
    );
    for site in cachekit::sites() {
        let entries = site.entries.map_or("-".to_owned(), |entries| entries.to_string());
        let name = site.function.trim_start_matches("quickstart::analysis::");
        println!(
            "  {name:<22}{:>6}{:>8}{:>10}{:>8}{:>8}{entries:>9}{:>14}",
            site.hits,
            site.misses,
            site.bypasses,
            site.stored,
            site.errors,
            milliseconds(site.compute_time)
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
