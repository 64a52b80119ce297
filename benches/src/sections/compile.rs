//! What 200 memoized functions cost to compile, and the crate that they need.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::contest::{Contest, Standings};
use crate::cpu;
use crate::report::{Limit, Targets, figure, progress, table};

const FUNCTIONS: usize = 200;
const ROUNDS: usize = 5;
const CLEAN_ROUNDS: usize = 2;

/// What is compiled: its name, the attribute, and the dependency.
const CONTESTANTS: [(&str, &str, &str); 5] = [
    (OURS, "#[cachekit::memoize(timeout = 300)]", "cachekit = { path = \"CACHEKIT\" }"),
    (CACHED, "#[cached::macros::cached(max_size = 1000, ttl_secs = 300)]", "cached = \"4.1\""),
    ("cached `#[concurrent_cached]`", "#[cached::macros::concurrent_cached]", "cached = \"4.1\""),
    ("memoize `SharedCache`", "#[memoize::memoize(SharedCache)]", "memoize = \"0.6\""),
    ("the functions alone", "", ""),
];
const OURS: &str = "**cachekit `#[memoize(timeout)]`**";
const CACHED: &str = "cached `#[cached(max_size, ttl)]`";

/// Measures it.
pub fn run() {
    println!(
        "A crate of {FUNCTIONS} functions `(u64, u64) → u64` and nothing else, its dependencies built, without incremental"
    );
    println!(
        "compilation: CPU seconds of cargo and its children, medians of {ROUNDS} rounds in turns. `clean`: a `cargo check` of"
    );
    println!(
        "it with nothing built, {CLEAN_ROUNDS} rounds. Lines: those of the pretty-printed expansion that are not blank, doc"
    );
    println!("attributes, companions and the function itself included, by the number of functions.\n");
    let folder = env::temp_dir().join(format!("cachekit-compile-{}", std::process::id()));
    let projects: Vec<_> =
        CONTESTANTS.iter().map(|contestant| Project::create(&folder, contestant)).collect();
    let alone = ["check", "build", "build --release"].map(|command| {
        progress(command);
        contest(&projects, ROUNDS, |project| project.time_alone(command))
    });
    progress("clean check");
    let clean = contest(&projects, CLEAN_ROUNDS, Project::time_clean);
    let lines: Vec<_> = projects.iter().map(Project::lines).collect();
    let rows: Vec<_> = projects
        .iter()
        .zip(&lines)
        .map(|(project, lines)| {
            let times = [&clean].into_iter().chain(&alone).map(|times| figure(times.median(project.name)));
            [project.name.to_owned(), project.crates().to_string(), figure(*lines)]
                .into_iter()
                .chain(times)
                .collect()
        })
        .collect();
    table(&["macro", "crates", "lines each", "clean check", "check", "dev", "release"], &rows);
    let mut targets = Targets::default();
    targets.add(
        "200 memoized functions, the crate alone, dev build, vs cached `#[cached(max_size,ttl)]`",
        alone[1].ratio(OURS, CACHED),
        Limit::AtMost { must: 1.0, aim: 0.7 },
    );
    targets.add(
        &format!("generated lines per function, all companions included (cached: {})", figure(lines[1])),
        lines[0],
        Limit::AtMost { must: 60.0, aim: 40.0 },
    );
    targets.add(
        "clean `cargo check` of a project with default features vs cached's",
        clean.ratio(OURS, CACHED),
        Limit::AtMost { must: 0.6, aim: 0.4 },
    );
    targets.print();
    if let Err(error) = fs::remove_dir_all(&folder) {
        progress(&format!("{} stays: {error}", folder.display()));
    }
}

fn contest(projects: &[Project], rounds: usize, time: impl Fn(&Project) -> Duration + Copy) -> Standings {
    let mut contest = Contest::default();
    for project in projects {
        contest.enter(project.name, move || time(project).as_secs_f64());
    }
    contest.run(rounds)
}

/// A crate in a folder of its own.
struct Project {
    name: &'static str,
    folder: PathBuf,
}

impl Project {
    fn create(parent: &Path, &(name, attribute, dependency): &(&'static str, &str, &str)) -> Self {
        let words: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let own = Self { name, folder: parent.join(&words) };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cachekit = here.join("../cachekit");
        let manifest = format!(
            "[package]\nname = \"measured\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}\n",
            dependency.replace("CACHEKIT", &cachekit.display().to_string()),
        );
        let mut source = "//! Measured.\n".to_owned();
        for n in 0..FUNCTIONS {
            let function =
                format!("\n{attribute}\npub fn f{n}(a: u64, b: u64) -> u64 {{\n    a * {n} + b\n}}\n");
            // Writing to a string does not fail.
            let _ = source.write_str(&function);
        }
        let files = [("Cargo.toml", manifest.as_str()), ("src/lib.rs", source.as_str())];
        fs::create_dir_all(own.folder.join("src")).expect("a temporary folder");
        for (file, text) in files {
            fs::write(own.folder.join(file), text).expect("a file in it");
        }
        // The versions that the other sections measure.
        fs::copy(here.join("Cargo.lock"), own.folder.join("Cargo.lock"))
            .expect("the lock file of this package");
        own
    }

    /// Compiles the crate alone.
    fn time_alone(&self, command: &str) -> Duration {
        let source = fs::File::options().append(true).open(self.source()).expect("the source");
        source.set_modified(SystemTime::now()).expect("a file that can be touched");
        self.time(&mut self.cargo(command, "target"))
    }

    /// Checks the crate and all that it needs.
    fn time_clean(&self) -> Duration {
        let target = self.folder.join("clean");
        if target.exists() {
            fs::remove_dir_all(&target).expect("a folder that can be removed");
        }
        self.time(&mut self.cargo("check", "clean"))
    }

    fn time(&self, command: &mut Command) -> Duration {
        let before = cpu::of_children();
        let status = command.status().expect("cargo");
        assert!(status.success(), "{}: {status}", self.name);
        cpu::of_children().saturating_sub(before)
    }

    /// Lines of the expansion for each function.
    fn lines(&self) -> f64 {
        let mut command = self.cargo("rustc --lib -- -Zunpretty=expanded", "expanded");
        let output = command.env("RUSTC_BOOTSTRAP", "1").stdout(Stdio::piped()).output().expect("cargo");
        assert!(output.status.success(), "{}: {}", self.name, output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().filter(|line| !line.trim().is_empty()).count() as f64 / FUNCTIONS as f64
    }

    /// The crates that it needs.
    fn crates(&self) -> usize {
        let mut command = self.cargo("tree -e no-dev --prefix none --format {p}", "target");
        let output = command.stdout(Stdio::piped()).output().expect("cargo");
        let text = String::from_utf8_lossy(&output.stdout);
        let names: BTreeSet<_> = text
            .lines()
            .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
            .filter(|name| !name.is_empty() && !name.starts_with("measured "))
            .collect();
        names.len()
    }

    fn cargo(&self, words: &str, target: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .arg("--quiet")
            .args(words.split(' '))
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join(target))
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS");
        command
    }

    fn source(&self) -> PathBuf {
        self.folder.join("src/lib.rs")
    }
}
