//! What can go wrong in a backend or above it: one opaque error with a kind, context and a source.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of trouble an [`Error`] is, for code that decides by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store could not be reached or answered with a failure of its own.
    Backend,
    /// A value could not be turned into bytes, or bytes into a value.
    Codec,
    /// A setting is unknown, missing or cannot be parsed.
    Config,
    /// Something else is installed already.
    Conflict,
    /// A key or a value breaks a rule of the store.
    Invalid,
    /// The store has no room: a full disk, an oversize value.
    NoSpace,
    /// The store did not answer within its deadline.
    TimedOut,
    /// The stored value has another type than the operation needs.
    Type,
    /// The store cannot do this; see its [`Capability`](crate::Capability).
    Unsupported,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backend => "backend failure",
            Self::Codec => "codec failure",
            Self::Config => "bad configuration",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid argument",
            Self::NoSpace => "no space",
            Self::TimedOut => "timed out",
            Self::Type => "wrong type",
            Self::Unsupported => "unsupported",
        })
    }
}

/// What went wrong, in what operation, and why.
///
/// The message is lower case and says what was expected; the cause, if there is one, is its
/// [`source`](StdError::source). `{:#}` prints the whole chain.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind, with a message that says what was expected.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner { kind, message: message.into(), context: Vec::new(), source: None }) }
    }

    /// Adds what the operation was about, such as `("key", "user:7")`. Never a secret.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.inner.context.push((name, value.into()));
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// The kind of trouble.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.inner.kind, self.inner.message)?;
        for (i, (name, value)) in self.inner.context.iter().enumerate() {
            write!(f, "{}{name}: ", if i == 0 { " (" } else { ", " })?;
            // A key may hold anything, and an error may end up in a log: it stays one line.
            for character in value.chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    f.write_char(character)?;
                }
            }
        }
        if !self.inner.context.is_empty() {
            f.write_str(")")?;
        }
        if f.alternate() {
            let mut source = self.source();
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("context", &self.inner.context)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::NoSpace,
            Io::TimedOut => ErrorKind::TimedOut,
            _ => ErrorKind::Backend,
        };
        Self::new(kind, "input or output failed").with_source(source)
    }
}
