//! Whether a response may be stored, and for how long.

use std::time::{Duration, SystemTime};

use cachekit_backends::Lifetimes;

use super::age::lifetimes;
use super::cache_control::Directives;
use super::vary::Vary;
use super::{Fields, date};

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its status is not one of those that are stored.
    Status,
    /// It says `no-store`, `no-cache`, or something that cannot be read.
    NoStore,
    /// It says `private`.
    Private,
    /// It sets a cookie.
    SetCookie,
    /// It varies by everything, or by more than is kept apart.
    Vary,
    /// The request was authorised, and nothing says that others may see the answer.
    Authorization,
    /// It was over before it came.
    Expired,
    /// It is a part of something.
    Partial,
}

impl Refusal {
    /// Whether the next response is likely to be refused too, so that nobody should wait for it.
    pub(crate) fn is_lasting(self) -> bool {
        !matches!(self, Self::Status)
    }
}

/// What the program says of storing.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The statuses that are stored, each with a lifetime of its own or the general one.
    pub(crate) statuses: Vec<(u16, Option<Lifetime>)>,
    /// How long a response is fresh that does not say so itself.
    pub(crate) timeout: Lifetime,
    pub(crate) while_revalidate: Duration,
    pub(crate) if_error: Duration,
}

/// A lifetime: some time, or for ever (`None`).
pub(crate) type Lifetime = Option<Duration>;

/// The statuses that are stored unless the program says otherwise.
pub(crate) const STATUSES: [u16; 6] = [200, 203, 301, 308, 404, 410];

/// What is known of the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// It had an `Authorization` field.
    pub(crate) authorized: bool,
}

/// The lifetimes of a response, or why it is not stored.
pub(crate) fn decide(
    policy: &Policy,
    asked: Asked,
    status: u16,
    response: &(impl Fields + ?Sized),
    own: Option<Lifetime>,
    now: SystemTime,
) -> Result<(Lifetimes, Vec<String>), Refusal> {
    let (_, of_status) = policy.statuses.iter().find(|(own, _)| *own == status).ok_or(Refusal::Status)?;
    let directives = Directives::of(response);
    if directives.no_store || directives.no_cache {
        return Err(Refusal::NoStore);
    }
    if directives.private {
        return Err(Refusal::Private);
    }
    if response.has("set-cookie") {
        return Err(Refusal::SetCookie);
    }
    if asked.authorized && !directives.public && directives.s_maxage.is_none() {
        return Err(Refusal::Authorization);
    }
    // Whatever the list says: neither is an answer to anybody else.
    if matches!(status, 206 | 304) || response.has("content-range") {
        return Err(Refusal::Partial);
    }
    let Vary::By(names) = Vary::of(response) else { return Err(Refusal::Vary) };
    let fresh = own
        .or_else(|| stated(&directives, response, now).map(Some))
        .unwrap_or_else(|| of_status.unwrap_or(policy.timeout));
    if fresh.is_some_and(|fresh| fresh.is_zero()) {
        return Err(Refusal::Expired);
    }
    let stale = |stated: Option<u64>, general: Duration| match stated {
        _ if directives.must_revalidate => Duration::ZERO,
        Some(seconds) => Duration::from_secs(seconds),
        // It has the meaning of `proxy-revalidate`, unless the response itself says more.
        None if directives.s_maxage.is_some() => Duration::ZERO,
        None => general,
    };
    let while_revalidate = stale(directives.stale_while_revalidate, policy.while_revalidate);
    let if_error = stale(directives.stale_if_error, policy.if_error);
    Ok((lifetimes(fresh, while_revalidate, if_error), names))
}

/// How long a response says that it is fresh. A date that cannot be read has passed.
fn stated(directives: &Directives, response: &(impl Fields + ?Sized), now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = directives.s_maxage.or(directives.max_age) {
        return Some(Duration::from_secs(seconds));
    }
    if !response.has("expires") {
        return None;
    }
    let read = |name: &str| response.single(name).and_then(|field| date::parse(&field));
    let from = read("date").unwrap_or(now);
    Some(read("expires").and_then(|end| end.duration_since(from).ok()).unwrap_or_default())
}

/// The age that a response already has: what those before us say, the most of it where they say it twice, or the time
/// since its date, whichever is more. At most 68 years.
pub(crate) fn age_given(response: &(impl Fields + ?Sized), now: SystemTime) -> Duration {
    const LONGEST: u64 = 1 << 31;
    let list = response.joined("age").unwrap_or_default();
    let ages = list.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    let digits = ages.filter(|age| !age.is_empty() && age.iter().all(u8::is_ascii_digit));
    let seconds =
        digits.filter_map(|age| std::str::from_utf8(age).ok()).map(|age| age.parse().unwrap_or(LONGEST));
    let said = Duration::from_secs(seconds.max().unwrap_or(0).min(LONGEST));
    let date = response.single("date").and_then(|date| date::parse(&date));
    let since = date.and_then(|date| now.duration_since(date).ok()).unwrap_or_default();
    said.max(since.min(Duration::from_secs(LONGEST)))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::fields::tests::Lines;
    use super::*;

    fn policy() -> Policy {
        let statuses = STATUSES.iter().map(|status| (*status, None)).collect();
        Policy { statuses, timeout: Some(MINUTE), while_revalidate: Duration::ZERO, if_error: Duration::ZERO }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn decided(status: u16, authorized: bool, fields: &[(&str, &str)]) -> Result<Lifetimes, Refusal> {
        let asked = Asked { authorized };
        decide(&policy(), asked, status, &Lines(fields), None, UNIX_EPOCH).map(|(lifetimes, _)| lifetimes)
    }

    fn fresh(fields: &[(&str, &str)]) -> Result<u64, Refusal> {
        decided(200, false, fields).map(|lifetimes| lifetimes.fresh.map_or(u64::MAX, |fresh| fresh.as_secs()))
    }

    #[test]
    fn only_listed_statuses_are_stored() {
        for status in 100..600 {
            let expected = if STATUSES.contains(&status) { Ok(()) } else { Err(Refusal::Status) };
            assert_eq!(decided(status, false, &[]).map(drop), expected, "{status}");
        }
    }

    #[test]
    fn what_is_not_for_everybody_is_not_stored() {
        for (fields, refusal) in [
            (&[("Cache-Control", "Private")][..], Refusal::Private),
            (&[("cache-control", "max-age=60"), ("Cache-Control", "PRIVATE")], Refusal::Private),
            (&[("cache-control", "no-store")], Refusal::NoStore),
            (&[("cache-control", "No-Cache")], Refusal::NoStore),
            (&[("cache-control", "max-age=\"60")], Refusal::NoStore),
            (&[("Set-Cookie", "a=1")], Refusal::SetCookie),
            (&[("set-cookie", ""), ("cache-control", "public")], Refusal::SetCookie),
            (&[("vary", "*")], Refusal::Vary),
            (&[("vary", "cookie"), ("vary", "accept, *")], Refusal::Vary),
            (&[("cache-control", "max-age=0")], Refusal::Expired),
            (&[("cache-control", "max-age=60, s-maxage=0")], Refusal::Expired),
            (&[("expires", "0")], Refusal::Expired),
            (&[("content-range", "bytes 0-1/2")], Refusal::Partial),
        ] {
            assert_eq!(fresh(fields), Err(refusal), "{fields:?}");
        }
    }

    #[test]
    fn an_authorised_answer_is_stored_only_if_it_is_public() {
        let with = |control: &str| decided(200, true, &[("cache-control", control)]).map(drop);
        assert_eq!(with("max-age=60"), Err(Refusal::Authorization));
        assert_eq!(with("Public"), Ok(()));
        assert_eq!(with("s-maxage=60"), Ok(()));
        assert_eq!(with("max-age=60, must-revalidate"), Err(Refusal::Authorization));
    }

    #[test]
    fn a_response_says_how_long_it_is_fresh() {
        let date = ("date", "Thu, 01 Jan 1970 00:00:10 GMT");
        for (fields, seconds) in [
            (&[][..], 60),
            (&[("cache-control", "max-age=5")], 5),
            (&[("cache-control", "max-age=5, s-maxage=7")], 7),
            (&[("expires", "Thu, 01 Jan 1970 00:00:30 GMT"), date], 20),
            (&[("expires", "Thu, 01 Jan 1970 00:00:30 GMT")], 30),
            (&[("cache-control", "max-age=5"), ("expires", "0")], 5),
        ] {
            assert_eq!(fresh(fields), Ok(seconds), "{fields:?}");
        }
    }

    #[test]
    fn stale_times_are_the_responses_unless_it_forbids_them() {
        let mut policy = policy();
        policy.while_revalidate = MINUTE;
        let stale = |control: &str| {
            decide(&policy, Asked::default(), 200, &Lines(&[("cache-control", control)]), None, UNIX_EPOCH)
                .map(|(l, _)| (l.stale.as_secs(), l.grace.as_secs()))
        };
        assert_eq!(stale("max-age=5"), Ok((60, 0)));
        assert_eq!(stale("max-age=5, stale-while-revalidate=7, Stale-If-Error=9"), Ok((7, 2)));
        assert_eq!(stale("max-age=5, must-revalidate, stale-if-error=9"), Ok((0, 0)));
        assert_eq!(stale("s-maxage=5"), Ok((0, 0)), "which has the meaning of proxy-revalidate");
        assert_eq!(stale("s-maxage=5, stale-while-revalidate=7"), Ok((7, 0)));
    }

    #[test]
    fn an_age_is_digits_or_the_time_since_the_date() {
        let now = UNIX_EPOCH + Duration::from_secs(100);
        let age = |fields: &[(&str, &str)]| age_given(&Lines(fields), now).as_secs();
        for (value, seconds) in [
            ("7", 7),
            ("-7", 0),
            ("x", 0),
            ("", 0),
            ("5, 9", 9),
            ("99999999999999999999", 1 << 31),
            ("1.5", 0),
        ] {
            assert_eq!(age(&[("age", value)]), seconds, "{value}");
        }
        assert_eq!(age(&[("age", "5"), ("Age", "9")]), 9);
        let date = |seconds| date::format(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!((age(&[("date", &date(90))]), age(&[("date", &date(200))])), (10, 0));
        assert_eq!(age(&[("date", &date(90)), ("age", "30")]), 30);
        assert_eq!(age(&[("date", &date(40)), ("age", "30")]), 60);
    }

    #[test]
    fn a_part_is_never_stored_whatever_the_list_says() {
        let mut policy = policy();
        policy.statuses.extend([(204, None), (206, None), (304, None)]);
        let with =
            |status| decide(&policy, Asked::default(), status, &Lines(&[]), None, UNIX_EPOCH).map(drop);
        assert_eq!((with(206), with(304)), (Err(Refusal::Partial), Err(Refusal::Partial)));
        assert_eq!(with(204), Ok(()));
    }
}
