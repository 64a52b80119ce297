//! How the servers behind a store do.

use std::fmt;

/// What a store does about one of its servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// It is asked.
    #[default]
    Closed,
    /// It did not answer lately and is left alone for a moment: operations fail at once.
    Open,
    /// The moment is over: one caller tries, the others go on without it until that one was answered.
    HalfOpen,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// How a server behind a store does, as far as those who asked it know: nothing is sent to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerHealth {
    /// The server, without user and password.
    pub server: String,
    /// What is done about it.
    pub breaker: BreakerState,
    /// Exchanges that failed since the last that succeeded.
    pub failures: u32,
}

impl ServerHealth {
    /// A server whose exchanges all succeeded.
    pub fn new(server: impl Into<String>) -> Self {
        Self { server: server.into(), breaker: BreakerState::Closed, failures: 0 }
    }

    /// Sets what is done about it.
    #[must_use]
    pub fn breaker(mut self, breaker: BreakerState) -> Self {
        self.breaker = breaker;
        self
    }

    /// Sets how many exchanges failed since the last that succeeded.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }
}
