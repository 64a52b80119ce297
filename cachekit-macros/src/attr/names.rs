//! The options there are, and what to say about a name that is none of them.

use syn::Ident;

use super::Kind;

const COMMON: &[&str] = &[
    "timeout",
    "timeout_from",
    "unless",
    "forced_update",
    "is_stale",
    "response_filter",
    "hash_method",
    "cache_none",
    "cache_err",
    "none_timeout",
    "err_timeout",
    "source_check",
    "make_cache_key",
    "cache",
    "local",
    "near",
    "max_size",
    "stale",
    "fail_safe",
    "fail_safe_if",
    "throttle",
    "jitter",
    "early",
    "eager",
    "idle",
    "soft_timeout",
    "hard_timeout",
    "on_timeout",
    "refresh_every",
    "namespace",
    "tags",
    "tags_from",
    "inherit",
    "lock",
    "recompute_limit",
    "verify",
    "companions",
    "in_impl",
    "crate",
];
const MEMOIZE: &[&str] = &["make_name", "args_to_ignore", "batch"];
const CACHED: &[&str] = &["key_prefix", "query_string", "vary"];

/// What to say about `name`; `None` if it is an option of `kind`.
pub(crate) fn refusal(kind: Kind, name: &Ident) -> Option<String> {
    let name = name.to_string();
    let (own, other) = match kind {
        Kind::Memoize => (MEMOIZE, CACHED),
        Kind::Cached => (CACHED, MEMOIZE),
    };
    let is = |list: &[&str]| list.contains(&name.as_str());
    if is(COMMON) || is(own) {
        return None;
    }
    let attribute = kind.attribute();
    if is(other) {
        let right = kind.other().attribute();
        return Some(format!("`{name}` is an option of `{right}`, not of `{attribute}`"));
    }
    let mut known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    known.sort_unstable();
    let hint = nearest(&name, &known).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Some(format!("unknown option `{name}`{hint}\n`{attribute}` knows {list}"))
}

/// The name in `known` that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&lower, candidate), *candidate))
        .filter(|(far, candidate)| *far <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The edits between two names: a letter left out, put in, replaced, or two that changed places.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) | (_, 0) => i.max(j),
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swapped = if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        rows[i - 2][j - 2] + 1
                    } else {
                        usize::MAX
                    };
                    replaced.min(swapped).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
                }
            };
        }
    }
    rows[a.len()][b.len()]
}
