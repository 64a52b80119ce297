//! A cache that keeps nothing.

use std::time::Duration;

use crate::{Backend, Capability, Result, Seen};

/// A cache that keeps nothing: reads miss, writes succeed. For switching caching off.
///
/// Source: `NullCache` of Flask-Caching, with its answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullCache;

impl Backend for NullCache {
    fn name(&self) -> &'static str {
        "NullCache"
    }

    fn capability(&self) -> Capability {
        Capability::NONE
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(vec![None; keys.len()])
    }

    fn set_many(&self, items: &[(&str, &[u8])], _: Option<Duration>) -> Result<Vec<bool>> {
        Ok(vec![true; items.len()])
    }

    fn add(&self, _: &str, _: &[u8], _: Option<Duration>) -> Result<bool> {
        Ok(true)
    }

    fn compare_and_set(&self, _: &str, _: Option<Seen<'_>>, _: &[u8], _: Option<Duration>) -> Result<bool> {
        Ok(true)
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(vec![true; keys.len()])
    }

    fn increment(&self, _: &str, delta: i64, _: Option<Duration>) -> Result<i64> {
        Ok(delta)
    }

    fn clear(&self, _: &str) -> Result<()> {
        Ok(())
    }
}
