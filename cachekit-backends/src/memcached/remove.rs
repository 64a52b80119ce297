//! Deleting.

use super::cache::MemcachedCache;
use super::entry::Look;
use super::read::look_at;
use super::replies::Status;
use super::servers::{Epochs, Limits};
use crate::Result;
use crate::net::{Flavour, Repeat};

impl MemcachedCache {
    /// Reads before it deletes, in the same exchange: whether what is deleted was alive only its frame can tell.
    pub(super) async fn remove(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let spots = self.spots(keys);
        let asks: Vec<_> = spots.iter().map(|spot| spot.ask(2 * spot.name.len())).collect();
        let round = self
            .servers
            .each(flavour, Repeat::Yes, Limits::READING, &asks, &Epochs::NONE, |thing, exchange| {
                exchange.get_quietly(&spots[thing].name);
                exchange.delete(&spots[thing].name, 0);
            })
            .await;
        let (mut removed, mut manifests) = (Vec::with_capacity(keys.len()), Vec::new());
        for (spot, heard) in spots.iter().zip(round.heard) {
            let is_deleted = heard
                .as_ref()
                .and_then(|heard| heard.answers.get(1))
                .is_some_and(|answer| answer.status == Status::Done);
            let look = look_at(spot, heard);
            removed.push(is_deleted && matches!(look, Look::Live(_)));
            manifests.extend(look.into_manifest().map(|manifest| (spot.key, manifest)));
        }
        self.give_up(flavour, manifests).await;
        round.failure.map_or(Ok(removed), Err)
    }
}
