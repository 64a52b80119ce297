//! Waiting for what another process does.

use std::thread;
use std::time::{Duration, Instant};

/// As long as a loaded machine may take to start a server.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer; `None` if there was none in time.
pub(super) fn until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
