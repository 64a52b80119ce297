//! A disk without room: an error value, and nothing left behind.

use std::path::Path;

use cachekit_backends::{Backend, ErrorKind, FileSystemCache};

use super::helper::{child, entry_files, get, leave_out, private_dir, result_of, set, temp_files};

#[test]
fn a_full_disk_is_an_error_value() {
    let dir = private_dir();
    let output = child("small-disk", dir.path(), &"").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    if result_of(&output.stdout) == 0 {
        leave_out(&format!("a small disk of its own, which takes root on Linux; {text}"));
    }
}

#[test]
fn a_file_beyond_the_limit_is_an_error_value() {
    let dir = private_dir();
    let status = child("small-files", dir.path(), &"").status().unwrap();
    assert!(status.success());
}

/// Mounts a disk of 64 KiB that only this child sees and that goes with it.
#[cfg(target_os = "linux")]
fn mount_small_disk(dir: &Path) -> std::io::Result<()> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::ptr::null;

    let dir = CString::new(dir.as_os_str().as_bytes())?;
    let done = |status: i32| if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
    // SAFETY: unshare takes a flag only. It moves this thread, which is the one that works here, to mounts of its own.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the strings are terminated and live through the call; the null pointers are permitted for these flags.
    done(unsafe { libc::mount(c"none".as_ptr(), c"/".as_ptr(), null(), private, null()) })?;
    let (kind, size) = (c"tmpfs".as_ptr(), c"size=64k".as_ptr().cast());
    // SAFETY: as above; the data of a tmpfs is a terminated string of options.
    done(unsafe { libc::mount(kind, dir.as_ptr(), kind, 0, size) })
}

#[cfg(not(target_os = "linux"))]
fn mount_small_disk(_: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

pub(crate) fn fill_a_small_disk(dir: &Path) {
    if let Err(error) = mount_small_disk(dir) {
        println!("{error}\nresult 0");
        return;
    }
    let cache = FileSystemCache::open(dir).expect("a cache on an empty disk");
    let big = vec![1; 5000];
    let full = (0..100).find_map(|number| {
        let result = cache.set_many(&[(number.to_string().as_str(), big.as_slice())], None);
        result.err().map(|error| (number, error))
    });
    let (stored, error) = full.expect("64 KiB are full before half a megabyte is written");
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:#}");
    assert!(stored > 3, "{stored}");

    let refused = cache.add("more", &big, None).expect_err("no room");
    assert_eq!(refused.kind(), ErrorKind::NoSpace);
    assert!(temp_files(dir).is_empty(), "{:?}", temp_files(dir));
    assert_eq!(entry_files(dir).len(), stored);
    FileSystemCache::open(dir).expect("a full disk can be opened");

    assert_eq!(cache.delete_many(&["0"]).expect("room can be made"), [true]);
    let huge = vec![1; 100_000];
    let items: [(&str, &[u8]); 2] = [("1", &huge), ("2", b"small")];
    assert_eq!(cache.set_many(&items, None).expect("one of two"), [false, true]);
    assert!(temp_files(dir).is_empty(), "{:?}", temp_files(dir));
    assert_eq!(entry_files(dir).len(), stored - 1);
    assert_eq!(get(&cache, "1"), Some(big.clone()), "what failed to be replaced is still there");
    assert_eq!(get(&cache, "2"), Some(b"small".to_vec()));
    for number in 3..stored {
        assert_eq!(get(&cache, &number.to_string()), Some(big.clone()));
    }
    assert_eq!(cache.delete_many(&["1"]).expect("room can be made"), [true]);
    set(&cache, "more", &big);
    cache.clear("").expect("everything can go");
    set(&cache, "1", &big);
    println!("result 1");
}

/// Works for every user: the kernel refuses files of more than 10,000 bytes to this process.
pub(crate) fn write_beyond_the_limit(dir: &Path) {
    let limit = libc::rlimit { rlim_cur: 10_000, rlim_max: 10_000 };
    // SAFETY: ignoring a signal installs no handler that could do harm.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: `limit` is a valid rlimit through the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);

    let cache = FileSystemCache::open(dir).expect("a cache");
    set(&cache, "k", b"old");
    let huge = vec![1; 50_000];
    let error = cache.set_many(&[("k", huge.as_slice())], None).expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:#}");
    assert_eq!(get(&cache, "k"), Some(b"old".to_vec()));
    assert_eq!(temp_files(dir).len(), 0);
    assert_eq!(entry_files(dir).len(), 1);
}
