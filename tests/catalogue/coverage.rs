//! COMPATIBILITY.md says where each case is tested, and why some are not: what it says is true.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_case_is_tested_where_the_table_says_or_excused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read =
        |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let (mut tested, mut excused) = (BTreeSet::new(), BTreeSet::new());
    for row in read("COMPATIBILITY.md").lines().filter_map(|line| line.strip_prefix("| ")) {
        let mut cells = row.split(" | ");
        let (Some(first), Some(second)) = (cells.next(), cells.next()) else { continue };
        let file = first.trim_matches('`');
        if Path::new(file).extension().is_some_and(|extension| extension == "rs") {
            let there = cases_in(&read(file));
            let claimed = numbers(second.trim_end_matches([' ', '|']));
            assert_eq!(there, claimed, "{file}");
            tested.extend(claimed);
        } else {
            excused.extend(numbers(first));
        }
    }
    assert!(tested.is_disjoint(&excused), "{:?}", tested.intersection(&excused));
    let numbered = (1..=358).filter(|number| tested.contains(number) || excused.contains(number)).count();
    assert_eq!(numbered, CASES, "a case went missing, or there is one that the catalogue does not have");
}

/// How many numbers the catalogue gives.
const CASES: usize = 313;

/// The numbers in a cell that holds nothing else.
fn numbers(cell: &str) -> BTreeSet<u16> {
    let words = cell.split(' ').map(|word| word.parse().ok().filter(|_| word.len() == 3));
    words.collect::<Option<BTreeSet<u16>>>().unwrap_or_default()
}

/// The numbers in the names of tests: `case_245_…`, `cases_253_to_257_…`, and what a macro makes a test of.
fn cases_in(source: &str) -> BTreeSet<u16> {
    let mut cases = BTreeSet::new();
    for line in source.lines().map(str::trim_start) {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let name =
            line.strip_prefix("fn ").or_else(|| line.contains('"').then_some(line)).unwrap_or_default();
        if !name.starts_with("case") {
            continue;
        }
        let name = name.split(['(', ' ']).next().unwrap_or_default();
        let mut until = false;
        for word in name.split('_') {
            if let Some(number) = word.parse::<u16>().ok().filter(|_| word.len() == 3) {
                let from = if until { cases.last().map_or(number, |last| last + 1) } else { number };
                cases.extend(from..=number);
            }
            until = word == "to";
        }
    }
    cases
}
