//! Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 86_400;

/// The date of a time, to the second.
pub(crate) fn format(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[usize::try_from(days % 7).unwrap_or(0)],
        MONTHS[month - 1],
        rest / 3600,
        rest % 3600 / 60,
        rest % 60,
    )
}

/// The time of a date, in the form that is written today or in one of the two older ones (RFC 9110, 5.6.7).
pub(crate) fn parse(date: &[u8]) -> Option<SystemTime> {
    let date = std::str::from_utf8(date).ok()?.trim();
    let Written { day, month, year, time } = today(date).or_else(|| dashed(date)).or_else(|| plain(date))?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let mut parts = time.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if year < 1970 || hour > 23 || minute > 59 || second > 60 || parts.next().is_some() || day == 0 {
        return None;
    }
    let since = days(year, month, day);
    // The 31st of February is none of March.
    if civil(since) != (year, month, day) {
        return None;
    }
    let seconds = since * DAY + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The parts of a date.
struct Written<'a> {
    day: u64,
    month: &'a str,
    year: u64,
    time: &'a str,
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn today(date: &str) -> Option<Written<'_>> {
    let rest = date.get(5..).filter(|_| date.get(3..5) == Some(", "))?;
    let [day, month, year, time, "GMT"] = words(rest, ' ')? else { return None };
    Some(Written { day: digits(day, 2)?, month, year: digits(year, 4)?, time })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn dashed(date: &str) -> Option<Written<'_>> {
    let (weekday, rest) = date.split_once(", ")?;
    let [date, time, "GMT"] = words(rest, ' ')? else { return None };
    let [day, month, year] = words(date, '-')?;
    let this_year =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1970, |now| civil(now.as_secs() / DAY).0);
    // What seems to lie more than 50 years ahead is of the last century.
    let year = this_year / 100 * 100 + digits(year, 2)?;
    let year = if year > this_year + 50 { year - 100 } else { year };
    weekday.ends_with("day").then_some(Written { day: digits(day, 2)?, month, year, time })
}

/// `Sun Nov  6 08:49:37 1994`
fn plain(date: &str) -> Option<Written<'_>> {
    let parts = [3..4, 4..7, 7..8, 8..10, 10..11, 11..19, 19..20, 20..24].map(|part| date.get(part));
    let [Some(" "), Some(month), Some(" "), Some(day), Some(" "), Some(time), Some(" "), Some(year)] = parts
    else {
        return None;
    };
    let day = day.strip_prefix(' ').unwrap_or(day);
    (date.len() == 24).then_some(Written {
        day: digits(day, day.len())?,
        month,
        year: digits(year, 4)?,
        time,
    })
}

/// So many words, no more and no fewer.
fn words<const COUNT: usize>(text: &str, between: char) -> Option<[&str; COUNT]> {
    text.split(between).collect::<Vec<_>>().try_into().ok()
}

/// A number of so many digits.
fn digits(text: &str, length: usize) -> Option<u64> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Year, month and day of a number of days since 1970, by the Gregorian calendar.
fn civil(days: u64) -> (u64, usize, u64) {
    // Years begin in March here, so that the day that is sometimes there comes last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), usize::try_from(month).unwrap_or(1), day)
}

/// The other way.
fn days(year: u64, month: usize, day: u64) -> u64 {
    let month = month as u64;
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        for (seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format(time), date);
            assert_eq!(parse(date.as_bytes()), Some(time));
        }
        for day in (0..60_000).step_by(7) {
            let time = UNIX_EPOCH + Duration::from_secs(day * DAY);
            assert_eq!(parse(format(time).as_bytes()), Some(time));
        }
    }

    #[test]
    fn older_forms_are_read() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(time));
        assert_eq!(parse(b"Sun Nov  6 08:49:37 1994"), Some(time));
        let time = UNIX_EPOCH + Duration::from_secs(784_975_777);
        assert_eq!(parse(b"Wednesday, 16-Nov-94 08:49:37 GMT"), Some(time));
        assert_eq!(parse(b"Wed Nov 16 08:49:37 1994"), Some(time));
        // Within 50 years it is one of this century.
        let time = UNIX_EPOCH + Duration::from_secs(1_735_689_600);
        assert_eq!(parse(b"Wednesday, 01-Jan-25 00:00:00 GMT"), Some(time));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for date in [
            "",
            "0",
            "-1",
            "Sunday, 6-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "06-Nov-94 08:49:37 GMT",
            "Sun Nov 06 1994 08:49:37",
            "Sun Nov 31 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 +8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "é, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(date.as_bytes()), None, "{date}");
        }
    }
}
