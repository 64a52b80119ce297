//! Which stamps a backend is known to have, so that the first look at a function creates its stamp in the same exchange.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers names of stamps that were there, in bounded space: a later one may take an earlier one's place. What is
/// remembered wrongly costs an exchange, never a wrong answer.
#[derive(Default)]
pub(crate) struct Known {
    names: OnceLock<Box<[AtomicU64]>>,
}

const PLACES: usize = 1024;

impl Known {
    /// Whether the stamp was there when it was last looked for.
    pub(crate) fn has(&self, name: &str) -> bool {
        let digest = digest(name);
        self.names.get().is_some_and(|names| names[place(digest)].load(Ordering::Relaxed) == digest)
    }

    /// Notes whether the stamp was there.
    pub(crate) fn note(&self, name: &str, is_there: bool) {
        let digest = digest(name);
        let names = self.names.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        let place = &names[place(digest)];
        if is_there {
            place.store(digest, Ordering::Relaxed);
        } else {
            // Only this name is forgotten, not one that has taken its place.
            let _ = place.compare_exchange(digest, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn digest(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name.as_bytes());
    hasher.finish().max(1)
}

fn place(digest: u64) -> usize {
    usize::try_from(digest % PLACES as u64).unwrap_or(0)
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_known_until_it_is_missed() {
        let known = Known::default();
        assert!(!known.has("a:stamp"));
        known.note("a:stamp", true);
        assert!(known.has("a:stamp") && !known.has("b:stamp"));
        known.note("b:stamp", false);
        assert!(known.has("a:stamp"));
        known.note("a:stamp", false);
        assert!(!known.has("a:stamp"));
    }
}
