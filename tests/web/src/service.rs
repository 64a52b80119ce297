//! What a test's service does, whatever it runs on.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

/// What a service is asked.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The header fields.
    pub headers: HeaderMap,
}

impl Asked {
    /// The first line of a field, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) parts: Vec<String>,
    pub(crate) takes: Duration,
    pub(crate) between: Duration,
}

impl Answer {
    /// A 200 with a text.
    pub fn text(text: impl Into<String>) -> Self {
        let (takes, between) = (Duration::ZERO, Duration::ZERO);
        Self { status: 200, headers: Vec::new(), parts: vec![text.into()], takes, between }
    }

    /// Another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// One more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Takes some time before it answers.
    #[must_use]
    pub fn takes(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    /// Streams its body in these parts, with some time before each but the first.
    #[must_use]
    pub fn parts(mut self, parts: &[&str], between: Duration) -> Self {
        self.parts = parts.iter().map(|part| (*part).to_owned()).collect();
        self.between = between;
        self
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.parts.len() != 1
    }
}

/// A service.
pub type Handler = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;
