//! `get_or_insert_with`: what a memoized function does, for a key of one's own.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use cachekit_backends::{Error, Fence, OwnedKey, Result, Target, Ticket, Timeout};

use super::Cache;
use crate::bytes::envelope;
use crate::bytes::{self, Mark};
use crate::call::{Around, Leave};
use crate::control::{self, Concern, Outcome};
use crate::flight::{Flights, Leader, Outcome as Landing, Role};
use crate::io::{Flavour, now};
use crate::key::names;
use crate::sync::{Mutex, MutexExt as _};
use crate::value::CacheValue;

/// The computations in progress for keys of one's own, of values of one type.
#[derive(Debug)]
pub(crate) struct Keyed<T> {
    flights: Arc<Flights<T>>,
    fence: Fence,
    /// Held while a value is stored in this process, so that whoever raised the fence can wait for those who had
    /// passed it before.
    storing: Mutex<()>,
}

/// [`Keyed`] without its type.
pub(crate) trait AnyKeyed: Send + Sync {
    /// Keeps what is being computed from being stored; when this returns, nothing of it is any more.
    fn invalidate(&self, target: Target<'_>);
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { flights: Arc::default(), fence: Fence::default(), storing: Mutex::default() }
    }
}

impl<T: Send + Sync> AnyKeyed for Keyed<T> {
    fn invalidate(&self, target: Target<'_>) {
        self.fence.raise(&target);
        drop(self.storing.locked());
    }
}

/// The right to compute the value of a key.
struct Computing<T> {
    keyed: Arc<Keyed<T>>,
    key: OwnedKey,
    leader: Option<Leader<T>>,
    ticket: Ticket,
    /// What is under the key: something that is no value, or nothing.
    mark: Option<Mark>,
    /// Whether the value may be stored.
    stores: bool,
}

impl<T> Drop for Computing<T> {
    fn drop(&mut self) {
        self.keyed.fence.end(&self.ticket);
    }
}

impl Cache {
    /// The value under the key, or what `compute` gives, which is stored. Concurrent callers of a missing key compute
    /// once. What was deleted, replaced or cleared while it was computed is not stored.
    ///
    /// A cache that fails costs a computation and a line in the log, never an error.
    ///
    /// ```
    /// use cachekit::Cache;
    ///
    /// let cache = Cache::builder().build();
    /// assert_eq!(cache.get_or_insert_with("answer", 60, || 6 * 7), 42);
    /// assert_eq!(cache.get_or_insert_with("answer", 60, || 0), 42); // not computed
    /// ```
    pub fn get_or_insert_with<T: CacheValue>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        compute: impl FnOnce() -> T,
    ) -> T {
        let Ok(value) = self.get_or_try_insert_with(key, timeout, || Ok::<_, Infallible>(compute()));
        value
    }

    /// As [`get_or_insert_with`](Self::get_or_insert_with), for a computation that may fail. An error is not stored.
    ///
    /// # Errors
    ///
    /// What `compute` gave.
    pub fn get_or_try_insert_with<T: CacheValue, E>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut computing = match now(self.find_or_compute(Flavour::Blocking, key)) {
            Ok(value) => return Ok(value),
            Err(computing) => computing,
        };
        let around = Around::nothing();
        let compute = || match &around {
            Some(around) => around.run(compute),
            None => compute(),
        };
        let value = match &computing.leader {
            Some(leader) => leader.leadership().run(compute),
            None => compute(),
        };
        if let Ok(value) = &value {
            now(self.keep(Flavour::Blocking, key, timeout.into(), computing, value));
        } else {
            computing.leader.take().into_iter().for_each(Leader::fail);
        }
        value
    }

    /// The async flavour of [`get_or_insert_with`](Self::get_or_insert_with).
    pub async fn get_or_insert_with_async<T: CacheValue, F: Future<Output = T>>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        compute: impl FnOnce() -> F,
    ) -> T {
        let timeout = timeout.into();
        let compute = || async { Ok::<_, Infallible>(compute().await) };
        let Ok(value) = self.get_or_try_insert_with_async(key, timeout, compute).await;
        value
    }

    /// The async flavour of [`get_or_try_insert_with`](Self::get_or_try_insert_with).
    ///
    /// # Errors
    ///
    /// What `compute` gave.
    pub async fn get_or_try_insert_with_async<T: CacheValue, E, F: Future<Output = Result<T, E>>>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        compute: impl FnOnce() -> F,
    ) -> Result<T, E> {
        let timeout = timeout.into();
        let mut computing = match self.find_or_compute(Flavour::Async, key).await {
            Ok(value) => return Ok(value),
            Err(computing) => computing,
        };
        let compute = compute();
        let value = match (&computing.leader, Around::nothing()) {
            (Some(leader), Some(around)) => {
                Box::pin(leader.leadership().run_async(around.run_async(compute))).await
            }
            (Some(leader), None) => leader.leadership().run_async(compute).await,
            (None, Some(around)) => Box::pin(around.run_async(compute)).await,
            (None, None) => compute.await,
        };
        if let Ok(value) = &value {
            self.keep(Flavour::Async, key, timeout, computing, value).await;
        } else {
            computing.leader.take().into_iter().for_each(Leader::fail);
        }
        value
    }

    async fn find_or_compute<T: CacheValue>(&self, flavour: Flavour, key: &str) -> Result<T, Computing<T>> {
        let leave = match Leave::now() {
            leave if leave.reads && control::is_held(&self.core, || Concern::of_key(key)) => {
                Leave { reads: false, stores: false }
            }
            leave => leave,
        };
        let found = match leave {
            Leave { reads: true, stores: true } => self.find_or_lead(flavour, key).await,
            leave => self.find_alone(flavour, key, leave).await,
        };
        let asked = leave.reads || leave.stores;
        control::note_key(
            key,
            match found {
                Ok(_) => Outcome::Hit,
                Err(_) if asked => Outcome::Miss,
                Err(_) => Outcome::Bypass,
            },
        );
        found
    }

    /// As far as a scope or the switch of the process allows, and without others.
    async fn find_alone<T: CacheValue>(
        &self,
        flavour: Flavour,
        key: &str,
        leave: Leave,
    ) -> Result<T, Computing<T>> {
        let (keyed, owned) = (self.stores.keyed::<T>(), names::verbatim(key));
        if leave.stores {
            // What a function of this process keeps under the key makes room for what replaces it.
            self.stores.delete(&self.core, key, None);
        }
        let ticket = keyed.fence.begin(None);
        let mut computing =
            Computing { keyed, key: owned, leader: None, ticket, mark: None, stores: leave.stores };
        if self.withholds(key) {
            computing.stores = false;
        } else if leave.reads || leave.stores {
            match self.find(flavour, key).await {
                Ok((Some(value), _)) if leave.reads => return Ok(value),
                Ok((_, mark)) if leave.stores => computing.mark = self.claim(flavour, key, mark).await,
                Ok(_) => {}
                Err(error) => self.complain(key, &error),
            }
        }
        Err(computing)
    }

    async fn find_or_lead<T: CacheValue>(&self, flavour: Flavour, key: &str) -> Result<T, Computing<T>> {
        let keyed = self.stores.keyed::<T>();
        let owned = names::verbatim(key);
        loop {
            let leader = match keyed.flights.join(&owned, None, &[], &keyed.fence) {
                Role::Lead(leader) => Some(leader),
                Role::Follow(follower) => {
                    match follower.wait(flavour, self.core.flight_timeout, &keyed.fence, true).await {
                        Landing::Landed(Some(value)) => return Ok(value),
                        Landing::Landed(None) | Landing::Again | Landing::Aside => continue,
                        Landing::Alone => None,
                    }
                }
                Role::Alone => None,
            };
            let ticket = leader.as_ref().map_or_else(|| keyed.fence.begin(None), Leader::birth);
            let mut computing =
                Computing { keyed: Arc::clone(&keyed), key: owned, leader, ticket, mark: None, stores: true };
            if self.withholds(key) {
                computing.stores = false;
                return Err(computing);
            }
            match self.find(flavour, key).await {
                Ok((Some(value), _)) => {
                    computing
                        .leader
                        .take()
                        .into_iter()
                        .for_each(|leader| leader.land(Some(T::clone(&value))));
                    return Ok(value);
                }
                Ok((None, mark)) => computing.mark = self.claim(flavour, key, mark).await,
                Err(error) => self.complain(key, &error),
            }
            return Err(computing);
        }
    }

    fn complain(&self, key: &str, error: &Error) {
        let level = self.core.complaints.level();
        log::log!(level, "the cache failed, computing `{key}` without it: {error:#}");
    }

    /// Leaves a mark under a missing key outside this process: whoever deletes, replaces or clears it while the value is
    /// computed takes it away, and the value is not stored then.
    async fn claim(&self, flavour: Flavour, key: &str, found: Option<Mark>) -> Option<Mark> {
        let capability = self.core.capability;
        if found.is_some() || capability.in_process || !capability.compare_and_set {
            return found;
        }
        let name = self.name(key);
        let mark = envelope::tombstone(&name);
        // Where somebody else was faster there is another mark or a value, and this one's is not stored.
        if let Err(error) = self.io(flavour).add(&name, &mark, Some(bytes::TOMBSTONE)).await {
            log::log!(
                self.core.complaints.level(),
                "the cache failed, `{key}` will not be stored: {error:#}"
            );
        }
        Some(Mark::of(&mark))
    }

    /// The value under a key, and what the bytes there begin with.
    async fn find<T: CacheValue>(&self, flavour: Flavour, key: &str) -> Result<(Option<T>, Option<Mark>)> {
        if let Some(typed) = self.stores.get(&self.core, key) {
            return Ok((Some(typed), None));
        }
        let Some(read) = self.io(flavour).read_many(&[&self.name(key)]).await?.pop().flatten() else {
            return Ok((None, None));
        };
        Ok((self.value(flavour, key, &read.value).await?, Some(Mark::of_read(&read))))
    }

    /// Stores a value, unless it was invalidated while it was computed, and gives it to those who wait.
    async fn keep<T: CacheValue>(
        &self,
        flavour: Flavour,
        key: &str,
        timeout: Timeout,
        computing: Computing<T>,
        value: &T,
    ) {
        if computing.stores
            && let Err(error) = self.store_computed(flavour, key, timeout, &computing, value).await
        {
            log::log!(self.core.complaints.level(), "the cache failed, `{key}` is not stored: {error:#}");
        }
        self.hand_over(flavour, key, computing, value).await;
    }

    /// Gives those who wait the value, unless it was invalidated meanwhile: what another process may have changed is
    /// read again, now that nobody joins any more.
    async fn hand_over<T: CacheValue>(
        &self,
        flavour: Flavour,
        key: &str,
        mut computing: Computing<T>,
        value: &T,
    ) {
        let Some(leader) = computing.leader.take() else { return };
        if !leader.close() {
            return leader.land(Some(value.clone()));
        }
        if !computing.keyed.fence.is_current(&computing.ticket, computing.key.hash(), &[]) {
            return;
        }
        if self.core.capability.in_process || !computing.stores {
            leader.land(Some(value.clone()));
        } else if let Ok((Some(current), _)) = self.find(flavour, key).await {
            leader.land(Some(current));
        }
    }

    async fn store_computed<T: CacheValue>(
        &self,
        flavour: Flavour,
        key: &str,
        timeout: Timeout,
        computing: &Computing<T>,
        value: &T,
    ) -> Result<()> {
        let bytes = self.bytes(flavour, key, value, timeout).await?;
        let (name, lifetime) = (self.name(key), self.lifetime(timeout));
        let is_current = || computing.keyed.fence.is_current(&computing.ticket, computing.key.hash(), &[]);
        let (capability, seen) = (self.core.capability, computing.mark.as_ref().map(Mark::seen));
        if capability.in_process {
            let _storing = computing.keyed.storing.locked();
            if is_current() && capability.compare_and_set {
                self.core.backend.compare_and_set(&name, seen, &bytes, lifetime)?;
            } else if is_current() {
                self.core.backend.set_many(&[(&name, &bytes)], lifetime)?;
            }
        } else if is_current() {
            let io = self.io(flavour);
            if capability.compare_and_set {
                io.compare_and_set(&name, seen, &bytes, lifetime).await?;
            } else {
                io.set_many(&[(&name, &bytes)], lifetime).await?;
            }
            self.stores.forget_near_text(&self.core, key);
        }
        Ok(())
    }
}
