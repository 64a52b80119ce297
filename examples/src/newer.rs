//! Waiting for a value that was renewed.

use std::thread;

/// What is there when it is no longer the old one.
pub fn newer<T: PartialEq>(old: &T, peek: impl Fn() -> Option<T>) -> Option<T> {
    loop {
        match peek() {
            Some(found) if found == *old => thread::yield_now(),
            found => return found,
        }
    }
}
