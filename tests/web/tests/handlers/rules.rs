//! The table of rules at the head of this package is true.

use std::path::Path;

#[test]
fn every_test_of_the_table_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let (mut folder, mut count) = ("", 0);
    for line in include_str!("../../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//! |")) {
        for own in ["responses", "handlers"] {
            if line.contains(&format!("test in `tests/{own}`")) {
                folder = own;
            }
        }
        let Some((_, names)) = line.trim_end_matches(" |").rsplit_once(" | ") else { continue };
        for name in names.split('`').filter(|name| name.contains("::")) {
            let (file, test) = name.split_once("::").expect("a file and a test");
            let source = std::fs::read_to_string(tests.join(folder).join(file).with_extension("rs"));
            let source = source.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(source.contains(&format!("fn {test}(")), "`{name}` is not in tests/{folder}");
            count += 1;
        }
    }
    assert!(count > 60, "{count} tests are named");
}
