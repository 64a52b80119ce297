//! How long to wait.

use std::time::{Duration, Instant};

use crate::{Error, ErrorKind};

/// How long a network store waits for its server.
///
/// An exchange on an open connection takes at most `operation`; one that has to connect first at most both together.
/// Operations that need many exchanges, such as clearing, may take as long for each.
///
/// ```
/// use cachekit_backends::Deadlines;
/// use std::time::Duration;
///
/// let default = Deadlines::default();
/// assert_eq!(default.connect, Duration::from_millis(250));
/// assert_eq!(default.operation, Duration::from_millis(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For making a connection: name, handshake and login included. 250 ms unless set.
    pub connect: Duration,
    /// For a request and its whole answer. 100 ms unless set.
    pub operation: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_millis(250), operation: Duration::from_millis(100) }
    }
}

/// When waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    at: Instant,
    /// How long it was when it was set, if nothing was waited for since.
    whole: Option<Duration>,
}

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        Self::of(Instant::now(), duration)
    }

    /// So long after an instant.
    pub(crate) fn of(now: Instant, duration: Duration) -> Self {
        // Longer than any clock can tell is a day short of for ever.
        let at = now.checked_add(duration).unwrap_or(now + Duration::from_secs(86_400));
        Self { at, whole: Some(duration) }
    }

    /// This one, but not before some time from now.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    pub(crate) fn not_before(self, duration: Duration) -> Self {
        Self { at: self.at.max(Instant::now() + duration), whole: None }
    }

    /// This one, when some of its time was spent on waiting.
    pub(crate) fn begun(self) -> Self {
        Self { whole: None, ..self }
    }

    /// The instant itself.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    pub(crate) fn instant(self) -> Instant {
        self.at
    }

    /// How long it is, if nothing was waited for since it was set: then no clock has to be asked.
    pub(crate) fn whole(self) -> Option<Duration> {
        self.whole
    }

    /// What is left; an error when nothing is.
    pub(crate) fn left(self) -> Result<Duration, Error> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(late()) } else { Ok(left) }
    }
}

/// What is said when time is up.
pub(crate) fn late() -> Error {
    Error::new(ErrorKind::TimedOut, "the server did not answer within its deadline")
}
