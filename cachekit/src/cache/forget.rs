//! Deletions of keys and of everything: now, with the commit of what surrounds the caller, or again when they failed.

use cachekit_backends::Result;

use super::Cache;
use crate::control::{self, Concern, Invalidation};
use crate::io::Flavour;

impl Cache {
    /// Whether what is under a key is not for the caller: it is to be forgotten.
    pub(super) fn hides(&self, key: &str) -> bool {
        control::is_held(&self.core, || Concern::of_key(key)) || self.withholds(key)
    }

    /// Removes what is under the keys, now or when what surrounds the caller is committed. What fails is kept for another
    /// attempt, where the cache is told to.
    pub(super) async fn invalidate(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        if control::is_open() {
            for key in keys {
                control::hold(Invalidation::key(self.clone(), key));
            }
            return Ok(vec![false; keys.len()]);
        }
        let begun = self.begin();
        self.forget_together(flavour, keys).await.map_err(|mut error| {
            if let Some(recovery) = &self.core.recovery {
                for key in keys {
                    error = recovery.keep(Invalidation::key(self.clone(), key), begun, error);
                }
            }
            error
        })
    }

    /// Removes what is under the keys; what failed for them before is done with that.
    pub(crate) async fn forget_together(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let begun = self.begin();
        let deleted = self.forget(flavour, keys).await?;
        for key in keys {
            self.replaced(key, begun);
        }
        Ok(deleted)
    }

    pub(super) async fn do_clear(&self, flavour: Flavour) -> Result<()> {
        let invalidation = Invalidation::all(self.clone());
        if control::is_open() {
            control::hold(invalidation);
            return Ok(());
        }
        invalidation.carry_out(flavour).await.map(drop)
    }

    /// Removes everything.
    pub(crate) async fn forget_all(&self, flavour: Flavour) -> Result<()> {
        self.stores.clear();
        self.io(flavour).clear(&self.core.key_prefix).await?;
        // What was computed while the backend was cleared belongs to the time before.
        self.stores.clear();
        Ok(())
    }
}
