//! Forgetting by tag, and by namespace, which is a tag that a user cannot write.

use cachekit_backends::{Result, Target};

use super::Cache;
use crate::bytes;
use crate::control::{self, Invalidation};
use crate::io::{Flavour, now};
use crate::key::{names, tags};

impl Cache {
    /// Forgets every value with this tag, of any function, in this process and in the backend: one write, or two where
    /// servers are several, however many they are. Once this returned, nobody is served one whose computation began before.
    ///
    /// Tags are what `#[memoize(tags = ["user:{id}"])]` says.
    ///
    /// ```
    /// use cachekit::{Cache, memoize, testing::Scope};
    ///
    /// #[memoize(tags = ["user:{user}"])]
    /// fn orders(user: u64, page: u64) -> Vec<u64> { vec![user, page] }
    ///
    /// let cache = Cache::builder().build();
    /// Scope::new(cache.clone()).run(|| {
    ///     orders(7, 1);
    ///     orders(8, 1);
    ///     cache.invalidate_tag("user:7")?;
    ///     assert_eq!(orders::peek(7, 1), None);
    ///     assert!(orders::peek(8, 1).is_some());
    ///     Ok::<(), cachekit::Error>(())
    /// })?;
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the backend fails: values in it may not be forgotten then. Those in this process are.
    pub fn invalidate_tag(&self, tag: &str) -> Result<()> {
        now(self.do_forget_tag(Flavour::Blocking, &tags::of_user(tag)))
    }

    /// The async flavour of [`invalidate_tag`](Self::invalidate_tag).
    ///
    /// # Errors
    ///
    /// As [`invalidate_tag`](Self::invalidate_tag).
    pub async fn invalidate_tag_async(&self, tag: &str) -> Result<()> {
        self.do_forget_tag(Flavour::Async, &tags::of_user(tag)).await
    }

    /// Forgets every value of the functions in this namespace, as [`invalidate_tag`](Self::invalidate_tag) does those with a
    /// tag.
    ///
    /// Namespaces are what `#[memoize(namespace = "shop")]` says.
    ///
    /// ```
    /// use cachekit::{Cache, memoize, testing::Scope};
    ///
    /// #[memoize(namespace = "shop")]
    /// fn price(article: u64) -> u64 { article * 2 }
    ///
    /// #[memoize(namespace = "shop")]
    /// fn stock(article: u64) -> u64 { article % 7 }
    ///
    /// let cache = Cache::builder().build();
    /// Scope::new(cache.clone()).run(|| {
    ///     (price(1), stock(1));
    ///     cache.invalidate_namespace("shop")?;
    ///     assert_eq!((price::peek(1), stock::peek(1)), (None, None));
    ///     Ok::<(), cachekit::Error>(())
    /// })?;
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`invalidate_tag`](Self::invalidate_tag).
    pub fn invalidate_namespace(&self, name: &str) -> Result<()> {
        now(self.do_forget_tag(Flavour::Blocking, &tags::of_namespace(name)))
    }

    /// The async flavour of [`invalidate_namespace`](Self::invalidate_namespace).
    ///
    /// # Errors
    ///
    /// As [`invalidate_tag`](Self::invalidate_tag).
    pub async fn invalidate_namespace_async(&self, name: &str) -> Result<()> {
        self.do_forget_tag(Flavour::Async, &tags::of_namespace(name)).await
    }

    async fn do_forget_tag(&self, flavour: Flavour, tag: &str) -> Result<()> {
        let invalidation = Invalidation::tag(self.clone(), tag);
        if control::is_open() {
            control::hold(invalidation);
            return Ok(());
        }
        invalidation.carry_out(flavour).await.map(drop)
    }

    /// Forgets in the backend and, whatever came of that, in this process.
    pub(crate) async fn forget_tag(&self, flavour: Flavour, tag: &str) -> Result<()> {
        let target = Target::Owner(tags::owner(tag));
        // Before as well: what is made from a value of this process, and stored in the backend, looks there whether one of any
        // tags was replaced since it began.
        self.stores.invalidate(target);
        let outcome = self.replace_tag_stamp(flavour, tag).await;
        self.stores.invalidate(target);
        outcome
    }

    async fn replace_tag_stamp(&self, flavour: Flavour, tag: &str) -> Result<()> {
        let core = &self.core;
        if core.capability.in_process || !core.capability.stores {
            return Ok(());
        }
        let io = self.io(flavour);
        // Who stores a value whose tags it decided looks at the first one after the other.
        let stamps = [names::any_tag_stamp(core), names::tag_stamp(core, tag)];
        if core.capability.in_order && bytes::replace_stamps(io, &stamps, bytes::TAG_STAMP).await? {
            return Ok(());
        }
        for stamp in &stamps {
            bytes::replace_stamp(io, stamp, Some(bytes::TAG_STAMP)).await?;
        }
        Ok(())
    }
}
