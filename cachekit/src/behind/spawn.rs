//! Where async work goes that nobody awaits: the runtime of the caller, or what the program says.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

/// A future on the heap that any thread may poll.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

static SPAWNER: OnceLock<fn(BoxFuture)> = OnceLock::new();

/// Says how async functions have work done behind their callers (`stale`, `eager`, `soft_timeout`): once for a program,
/// at its start.
///
/// With the feature `tokio` nothing needs to be said: the work goes to the runtime that the caller is on. Elsewhere,
/// without a spawner, the caller who would have had it done does it itself, while the others get the old value.
///
/// ```
/// fn spawn(work: cachekit::BoxFuture) {
///     std::thread::spawn(|| { /* what the program's executor does with `work` */ drop(work) });
/// }
/// cachekit::set_spawner(spawn)?;
/// # Ok::<(), fn(cachekit::BoxFuture)>(())
/// ```
///
/// # Errors
///
/// The spawner, where there is one already.
pub fn set_spawner(spawner: fn(BoxFuture)) -> Result<(), fn(BoxFuture)> {
    SPAWNER.set(spawner)
}

/// Whether work of this caller could be spawned.
pub(crate) fn can_spawn() -> bool {
    #[cfg(feature = "tokio")]
    if tokio::runtime::Handle::try_current().is_ok() {
        return true;
    }
    SPAWNER.get().is_some()
}

/// Spawns work; gives it back where nothing is known to spawn it on.
pub(crate) fn spawn(work: BoxFuture) -> Result<(), BoxFuture> {
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(work));
        return Ok(());
    }
    match SPAWNER.get() {
        Some(spawn) => {
            spawn(work);
            Ok(())
        }
        None => Err(work),
    }
}
