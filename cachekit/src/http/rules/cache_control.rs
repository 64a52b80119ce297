//! `Cache-Control`, of requests and of responses.

use super::Fields;
use super::list::{Unreadable, is_token, members};

/// What `Cache-Control` says. Seconds throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a directive")]
pub(crate) struct Directives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    pub(crate) public: bool,
    /// `must-revalidate` or `proxy-revalidate`: never served stale.
    pub(crate) must_revalidate: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    /// `max-stale`; without a value any staleness will do.
    pub(crate) max_stale: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
}

/// What stands for longer times than this: 68 years, as RFC 9111 has it.
const LONGEST: u64 = 1 << 31;

impl Directives {
    /// Reads all lines of `Cache-Control`. What cannot be read is `no-store`.
    pub(crate) fn of(fields: &(impl Fields + ?Sized)) -> Self {
        let Some(list) = fields.joined("cache-control") else { return Self::default() };
        Self::parse(&list).unwrap_or(Self { no_store: true, no_cache: true, ..Self::default() })
    }

    /// The same for a request, whose older form is `Pragma: no-cache`.
    pub(crate) fn of_request(fields: &(impl Fields + ?Sized)) -> Self {
        if !fields.has("cache-control")
            && let Some(pragma) = fields.joined("pragma")
        {
            let says = members(&pragma).is_ok_and(|list| list.iter().any(|member| member.name == "no-cache"));
            return Self { no_cache: says, ..Self::default() };
        }
        Self::of(fields)
    }

    fn parse(list: &[u8]) -> Result<Self, Unreadable> {
        let mut all = Self::default();
        for member in members(list)? {
            // Such as `private; max-age=60`, which says more than it seems to.
            if !is_token(&member.name) {
                return Err(Unreadable);
            }
            let seconds = member.value.map(seconds);
            match &*member.name {
                "no-store" => all.no_store = true,
                // With a list of fields, too: leaving single fields out is more than a cache has to do.
                "no-cache" => all.no_cache = true,
                "private" => all.private = true,
                "public" => all.public = true,
                "must-revalidate" | "proxy-revalidate" => all.must_revalidate = true,
                "only-if-cached" => all.only_if_cached = true,
                "max-age" => least(&mut all.max_age, seconds.unwrap_or(0)),
                "s-maxage" => least(&mut all.s_maxage, seconds.unwrap_or(0)),
                "min-fresh" => all.min_fresh = all.min_fresh.max(seconds),
                "max-stale" => least(&mut all.max_stale, seconds.unwrap_or(LONGEST)),
                "stale-while-revalidate" => least(&mut all.stale_while_revalidate, seconds.unwrap_or(0)),
                "stale-if-error" => least(&mut all.stale_if_error, seconds.unwrap_or(0)),
                _ => {}
            }
        }
        Ok(all)
    }
}

/// Of a directive that is given twice the stricter one holds.
fn least(slot: &mut Option<u64>, seconds: u64) {
    *slot = Some(slot.map_or(seconds, |known| known.min(seconds)));
}

/// Whole seconds; what is none is zero, what is too long is the longest.
fn seconds(value: &str) -> u64 {
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    value.parse().unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::Lines;
    use super::*;

    fn read(lines: &[&str]) -> Directives {
        let lines: Vec<_> = lines.iter().map(|line| ("Cache-Control", *line)).collect();
        Directives::of(&Lines(&lines))
    }

    #[test]
    fn directives_are_tokens_in_any_case_and_any_line() {
        for lines in [
            &["private"][..],
            &["Private"],
            &["PRIVATE"],
            &["max-age=60, pRiVaTe"],
            &["max-age=60", "private"],
            &["\tprivate ,"],
            &["private=\"x-secret, x-other\""],
            &["public,private"],
        ] {
            assert!(read(lines).private, "{lines:?}");
        }
        for lines in [&["privateer"][..], &["x=\"private\""], &["x-private"], &[]] {
            assert!(!read(lines).private, "{lines:?}");
        }
        assert!(read(&["No-Store"]).no_store && read(&["NO-CACHE=\"a\""]).no_cache);
    }

    #[test]
    fn of_two_times_the_shorter_holds_and_nonsense_is_none() {
        for (lines, seconds) in [
            (&["max-age=60"][..], 60),
            (&["max-age=60, max-age=5"], 5),
            (&["max-age=5", "max-age=60"], 5),
            (&["MAX-AGE = \"60\""], 60),
            (&["max-age=-1"], 0),
            (&["max-age=1.5"], 0),
            (&["max-age=0x10"], 0),
            (&["max-age="], 0),
            (&["max-age"], 0),
            (&["max-age=60s"], 0),
            (&["max-age=99999999999999999999999"], LONGEST),
        ] {
            assert_eq!(read(lines).max_age, Some(seconds), "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_permits_nothing() {
        for line in [
            "max-age=60, x=\"open",
            "max-age=60, \u{e9}",
            "private; max-age=60",
            "public; private",
            "\"private\"",
            "no store",
            "=60",
        ] {
            assert!(read(&[line]).no_store, "{line}");
        }
    }

    #[test]
    fn an_old_client_says_pragma() {
        let asks = |lines: &[(&str, &str)]| Directives::of_request(&Lines(lines)).no_cache;
        assert!(asks(&[("pragma", "No-Cache")]));
        assert!(!asks(&[("pragma", "no-cache"), ("cache-control", "max-age=60")]));
        assert!(!asks(&[]));
    }
}
