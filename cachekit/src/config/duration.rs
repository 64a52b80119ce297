//! Durations as people write them: `90`, `250ms`, `1h30m`.

use std::time::Duration;

/// What a duration may look like, for errors.
pub(crate) const EXPECTED: &str = "a whole number of seconds such as 90, or units such as 250ms, 1h30m or 2d";

/// Units, from the largest to the smallest, which is the order they must come in.
const UNITS: [(&str, u64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Parses whole seconds, or numbers with units, the largest first: `1h30m`. Spaces may stand between them.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split(after, |byte| byte.is_ascii_alphabetic());
        // Each search goes on where the last one ended, so a unit can neither come twice nor before a larger one.
        let (_, nanos) = units.find(|(known, _)| *known == unit)?;
        let nanos = u128::from(number.parse::<u64>().ok()?) * u128::from(*nanos);
        total = total.checked_add(from_nanos(nanos)?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then_some(total)
}

fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len()))
}

fn from_nanos(nanos: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_seconds() {
        assert_eq!(parse("90"), Some(Duration::from_secs(90)));
        assert_eq!(parse(" 0 "), Some(Duration::ZERO));
    }

    #[test]
    fn units_add_up() {
        assert_eq!(parse("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse("2d"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse("1w"), Some(Duration::from_secs(604_800)));
        assert_eq!(parse("1s5ms7us9ns"), Some(Duration::new(1, 5_007_009)));
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in ["", " ", "s", "1x", "-1", "1.5s", "30m1h", "1h1h", "1h30", "1 h", "1H", "½s", "1sé"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(parse("18446744073709551616"), None);
        assert_eq!(parse("18446744073709551615w"), None);
        assert_eq!(parse("18446744073709551615s"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(parse("18446744073709551615s999ms"), Some(Duration::new(u64::MAX, 999_000_000)));
    }
}
