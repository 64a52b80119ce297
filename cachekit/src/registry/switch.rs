//! The switch of the whole process: whether annotated functions use their caches.

use std::env;
use std::sync::Once;
use std::sync::atomic::Ordering;

use super::{DISABLED, GENERATION};
use crate::site;

/// The variable that says how the process begins.
const VARIABLE: &str = "CACHE_ENABLED";

#[doc = include_str!("../docs/set_enabled.md")]
pub fn set_enabled(enabled: bool) {
    // What the environment says comes first, also where nothing asked for it yet.
    begin();
    store(enabled);
}

/// Whether annotated functions use their caches; see [`set_enabled`].
pub fn is_enabled() -> bool {
    begin();
    GENERATION.load(Ordering::Acquire) & DISABLED == 0
}

fn store(enabled: bool) {
    if enabled {
        GENERATION.fetch_and(!DISABLED, Ordering::SeqCst);
    } else {
        GENERATION.fetch_or(DISABLED, Ordering::SeqCst);
    }
    site::close_shortcuts();
}

/// Takes the first position from the environment, once. A hit does not ask: no function has hits before its first call,
/// which does.
fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| match env::var_os(VARIABLE).map(|text| parse(text.to_str())) {
        None | Some(Some(true)) => {}
        Some(Some(false)) => store(false),
        Some(None) => {
            log::error!("caching is off, because {VARIABLE} is not what it should be; expected {EXPECTED}");
            store(false);
        }
    });
}

const EXPECTED: &str = "true or false (or 1, 0, yes, no, on, off)";

fn parse(text: Option<&str>) -> Option<bool> {
    match text?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
