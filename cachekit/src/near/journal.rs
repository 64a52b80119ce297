//! The last messages, for whoever began before they came and learns later what concerns it.

/// So many are kept. Whoever began before as many came is told that one may have concerned it.
const KEPT: usize = 1024;

/// The hashes of the names that were told last.
#[derive(Default)]
pub(super) struct Journal {
    /// Message `n` is at `n % KEPT`.
    told: Vec<u64>,
    count: u64,
}

impl Journal {
    /// Notes a message; gives how many there were.
    pub(super) fn push(&mut self, name: u64) -> u64 {
        let place = place(self.count);
        match self.told.get_mut(place) {
            Some(told) => *told = name,
            None => self.told.push(name),
        }
        self.count += 1;
        self.count
    }

    /// Whether one that came after so many is, or may have been, one that `concerns` is true of.
    pub(super) fn has_any(&self, since: u64, concerns: impl Fn(u64) -> bool) -> bool {
        self.count.saturating_sub(since) > KEPT as u64
            || (since..self.count).any(|n| self.told.get(place(n)).is_none_or(|told| concerns(*told)))
    }
}

fn place(n: u64) -> usize {
    usize::try_from(n % KEPT as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_found_and_what_is_forgotten_may_have_been_it() {
        let mut journal = Journal::default();
        assert!(!journal.has_any(0, |_| true));
        for n in 0..5000 {
            let since = journal.push(n) - 1;
            assert!(journal.has_any(since, |told| told == n));
            assert!(!journal.has_any(since + 1, |told| told == n), "it came before");
        }
        let kept = KEPT as u64;
        assert!(!journal.has_any(5000 - kept, |told| told < 5000 - kept));
        assert!(journal.has_any(5000 - kept, |told| told == 5000 - kept));
        assert!(journal.has_any(5000 - kept - 1, |_| false), "more came than are kept");
    }
}
