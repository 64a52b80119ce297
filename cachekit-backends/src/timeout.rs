//! How long an entry lives.

use std::time::Duration;

/// How long an entry lives: Flask's `timeout`, without its magic values.
///
/// Converts from whole seconds (`0` never expires, as in Flask) and from [`Duration`] (zero never expires).
///
/// ```
/// use cachekit_backends::Timeout;
/// use std::time::Duration;
///
/// assert_eq!(Timeout::from(60), Timeout::After(Duration::from_secs(60)));
/// assert_eq!(Timeout::from(0), Timeout::Never);
/// assert_eq!(Timeout::from(Duration::from_millis(1500)), Timeout::After(Duration::from_millis(1500)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The default of the cache (300 seconds unless configured).
    #[default]
    Default,
    /// The entry never expires.
    Never,
    /// The entry lives this long. Stores keep at least milliseconds.
    After(Duration),
}

impl Timeout {
    /// The lifetime once the default is known; `None` never expires.
    pub fn or_default(self, default: Timeout) -> Option<Duration> {
        match (self, default) {
            (Self::After(d), _) | (Self::Default, Self::After(d)) => Some(d),
            (Self::Default, Self::Default) => Some(Self::FALLBACK),
            (Self::Never, _) | (Self::Default, Self::Never) => None,
        }
    }

    /// What [`Timeout::Default`] means where nothing else is configured: 300 seconds, as in Flask-Caching.
    pub const FALLBACK: Duration = Duration::from_secs(300);
}

impl From<u64> for Timeout {
    /// Seconds; `0` never expires.
    fn from(seconds: u64) -> Self {
        Duration::from_secs(seconds).into()
    }
}

impl From<Duration> for Timeout {
    /// Zero never expires.
    fn from(duration: Duration) -> Self {
        if duration.is_zero() { Self::Never } else { Self::After(duration) }
    }
}

impl From<Option<Duration>> for Timeout {
    /// `None` is the default of the cache.
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Default, Self::from)
    }
}
