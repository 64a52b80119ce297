//! Which backend a configuration builds.

use std::time::Duration;

use cachekit_backends::ManualClock;

use super::*;

fn built(config: &Config) -> Arc<dyn Backend> {
    config.build_backend(&Clock::SYSTEM).unwrap()
}

#[test]
fn case_002_nothing_configured_is_the_in_process_cache() {
    assert_eq!(built(&Config::new()).name(), "SimpleCache");
}

/// Cases 1 and 11.
#[test]
fn case_011_each_backend_by_name() {
    assert_eq!(built(&Config::new().backend("SimpleCache")).name(), "SimpleCache");
    assert_eq!(built(&Config::new().backend("NullCache").no_null_warning(true)).name(), "NullCache");
    #[cfg(feature = "filesystem")]
    {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new().backend("FileSystemCache").directory(folder.path());
        assert_eq!(built(&config).name(), "FileSystemCache");
    }
}

#[test]
fn a_backend_follows_the_clock_and_the_threshold() {
    let clock = ManualClock::new();
    let backend = Config::new().threshold(8).build_backend(&clock.clock()).unwrap();
    for n in 0..100 {
        backend.set_many(&[(n.to_string().as_str(), b"v")], None).unwrap();
    }
    assert_eq!(backend.entries(), Some(8));
    backend.set_many(&[("k", b"v")], Some(Duration::from_secs(9))).unwrap();
    clock.advance(Duration::from_secs(10));
    assert_eq!(backend.has_many(&["k"]).unwrap(), [false]);
}

#[cfg(feature = "filesystem")]
#[test]
fn files_get_their_folder_and_mode() {
    use std::os::unix::fs::MetadataExt;

    fn modes(folder: &Path, found: &mut Vec<u32>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_dir() {
                modes(&entry.path(), found);
            } else {
                found.push(entry.metadata().unwrap().mode() & 0o777);
            }
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b%");
    let url =
        format!("filesystem://{}?mode=0640", path.to_str().unwrap().replace('%', "%25").replace(' ', "%20"));
    let backend = built(&Config::from_url(&url).unwrap());
    backend.set_many(&[("k", b"v")], None).unwrap();
    let mut found = Vec::new();
    modes(&path, &mut found);
    assert!(found.contains(&0o640), "{found:?}");
}

#[cfg(feature = "filesystem")]
#[test]
fn files_without_a_folder_are_an_error() {
    let error = Config::new().backend("FileSystemCache").build_backend(&Clock::SYSTEM).unwrap_err();
    assert_eq!(error.kind(), cachekit_backends::ErrorKind::Config);
    assert!(error.to_string().contains("needs CACHE_DIR"), "{error}");
}

#[test]
fn an_unknown_name_from_code_is_an_error_when_it_is_built() {
    let error = Config::new().backend("Simple").build_backend(&Clock::SYSTEM).unwrap_err().to_string();
    assert!(error.contains("did you mean SimpleCache?") && error.contains("NullCache"), "{error}");
}

/// Case 9: the backend is what the factory returned, and sees its options.
#[test]
fn case_009_a_registered_factory_builds_the_backend() {
    register_backend("UnitTestCache", |config| {
        assert_eq!(config.get_option("CACHE_UNITTESTCACHE_SIZE"), Some("3"));
        Ok(Arc::new(SimpleCacheOf3))
    })
    .unwrap();
    let config =
        Config::from_map([("CACHE_UNITTESTCACHE_SIZE", "3"), ("CACHE_TYPE", "UnitTestCache")]).unwrap();
    assert_eq!(built(&config).name(), "SimpleCacheOf3");
}

#[derive(Debug)]
struct SimpleCacheOf3;

impl Backend for SimpleCacheOf3 {
    fn name(&self) -> &'static str {
        "SimpleCacheOf3"
    }
    fn capability(&self) -> cachekit_backends::Capability {
        cachekit_backends::Capability::NONE
    }
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(vec![None; keys.len()])
    }
    fn set_many(&self, items: &[(&str, &[u8])], _: Option<Duration>) -> Result<Vec<bool>> {
        Ok(vec![false; items.len()])
    }
    fn add(&self, _: &str, _: &[u8], _: Option<Duration>) -> Result<bool> {
        Ok(false)
    }
    fn compare_and_set(
        &self,
        _: &str,
        _: Option<cachekit_backends::Seen<'_>>,
        _: &[u8],
        _: Option<Duration>,
    ) -> Result<bool> {
        Ok(false)
    }
    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(vec![false; keys.len()])
    }
    fn increment(&self, _: &str, delta: i64, _: Option<Duration>) -> Result<i64> {
        Ok(delta)
    }
    fn clear(&self, _: &str) -> Result<()> {
        Ok(())
    }
}
