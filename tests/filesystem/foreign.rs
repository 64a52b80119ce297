//! What other people put into the folder is a miss and stays, and folders that cannot be trusted are refused.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use cachekit_backends::{Backend, ErrorKind, FileSystemCache, FileSystemConfig};

use super::helper::{
    all_files, child, delete, get, leave_out, make_private, path_of, private_dir, scratch, set,
};

const KINDS: [&str; 9] = [
    "link to a document",
    "link to /etc/passwd",
    "link to nowhere",
    "link to itself",
    "link to a device",
    "pipe",
    "socket",
    "folder",
    "folder with a file",
];

/// Puts a foreign thing where a key's file belongs.
fn put(kind: &str, place: &Path, document: &Path) -> io::Result<()> {
    match kind {
        "link to a document" => symlink(document, place),
        "link to /etc/passwd" => symlink("/etc/passwd", place),
        "link to nowhere" => symlink("/nowhere/at/all", place),
        "link to itself" => symlink(place, place),
        "link to a device" => symlink("/dev/zero", place),
        "pipe" => {
            assert!(Command::new("mkfifo").arg(place).status()?.success());
            Ok(())
        }
        "socket" => {
            // The path of a socket must be short when it is made, and only then.
            let short = document.with_file_name("s");
            UnixListener::bind(&short)?;
            fs::rename(short, place)
        }
        "folder" => fs::create_dir(place),
        "folder with a file" => {
            fs::create_dir(place)?;
            fs::write(place.join("file"), b"x")
        }
        other => panic!("no kind {other}"),
    }
}

#[test]
fn links_pipes_sockets_and_folders_are_misses_and_stay() {
    for name in KINDS {
        let s = scratch(1);
        set(&s.cache, "k", b"original");
        let place = path_of(&s.dir, "k");
        let document = s.dir.with_file_name("document");
        // A link to a perfectly good entry is still a link.
        fs::rename(&place, &document).unwrap();
        let original = fs::read(&document).unwrap();
        put(name, &place, &document).unwrap();

        assert_eq!(get(&s.cache, "k"), None, "{name}");
        assert!(!delete(&s.cache, "k"), "{name}");
        assert_eq!(s.cache.entries(), Some(0), "{name}");
        s.cache.clear("").unwrap();
        s.cache.clear("k").unwrap();
        FileSystemCache::open(&s.dir).unwrap();
        set(&s.cache, "x", b"");
        set(&s.cache, "y", b"");
        assert!(place.symlink_metadata().is_ok(), "{name} stays through clear, open and prune");
        assert_eq!(s.cache.entries(), Some(1), "{name} is not counted");

        // Storing under that very key replaces what can be replaced without touching what it points to.
        let stored = s.cache.set_many(&[("k", b"new")], None);
        if name.contains("folder") {
            assert_eq!(stored.unwrap_err().kind(), ErrorKind::Backend, "{name}");
            assert_eq!(get(&s.cache, "k"), None, "{name}");
        } else {
            assert_eq!(stored.unwrap(), [true], "{name}");
            assert_eq!(get(&s.cache, "k"), Some(b"new".to_vec()), "{name}");
        }
        assert_eq!(fs::read(&document).unwrap(), original, "{name}: the document is untouched");
        assert!(fs::read("/etc/passwd").is_ok_and(|text| text != b"new"), "{name}");
    }
}

#[test]
fn files_of_other_names_stay_and_are_not_counted() {
    let s = scratch(2);
    set(&s.cache, "a", b"");
    let shard = path_of(&s.dir, "a").parent().unwrap().to_owned();
    let digits = "0123456789abcdef".repeat(4);
    let theirs: Vec<PathBuf> = vec![
        s.dir.join("README"),
        s.dir.join(&digits),
        s.dir.join(".cachekit-abc.tmp"),
        s.dir.join("notes").join(&digits),
        shard.join("README"),
        shard.join("sub").join(&digits),
        shard.join(digits.to_uppercase()),
        shard.join(&digits[1..]),
        shard.join(format!("{digits}0")),
        shard.join(if shard.ends_with("01") { "ff".repeat(32) } else { digits.clone() }),
        shard.join(".cachekit-abc"),
        shard.join("mine.tmp"),
    ];
    for path in &theirs {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"theirs").unwrap();
    }
    for key in ["b", "c", "d", "e"] {
        set(&s.cache, key, b"");
    }
    assert_eq!(s.cache.entries(), Some(2));
    s.cache.clear("").unwrap();
    FileSystemCache::open(&s.dir).unwrap();
    let mut expected = theirs;
    expected.sort();
    assert_eq!(all_files(&s.dir), expected);
}

#[test]
fn a_shard_that_is_no_folder_of_ours_is_neither_read_nor_written() {
    let s = scratch(500);
    set(&s.cache, "k", b"v");
    let place = path_of(&s.dir, "k");
    let shard = place.parent().unwrap();
    let away = s.dir.with_file_name("away");
    fs::rename(shard, &away).unwrap();
    for make in [
        |shard: &Path, away: &Path| symlink(away, shard).unwrap(),
        |shard: &Path, _: &Path| symlink("/nowhere/at/all", shard).unwrap(),
        |shard: &Path, _: &Path| fs::write(shard, b"").unwrap(),
        |shard: &Path, _: &Path| {
            fs::create_dir(shard).unwrap();
            fs::set_permissions(shard, fs::Permissions::from_mode(0o777)).unwrap();
        },
    ] {
        make(shard, &away);
        assert_eq!(get(&s.cache, "k"), None);
        assert!(!delete(&s.cache, "k"));
        assert_eq!(s.cache.entries(), Some(0));
        assert!(s.cache.set_many(&[("k", b"new")], None).is_err());
        assert!(s.cache.increment("k", 1, None).is_err());
        s.cache.clear("").unwrap();
        assert_eq!(fs::read_dir(&away).unwrap().count(), 2, "the entry and the lock are where they were");
        let _ = fs::remove_file(shard);
        let _ = fs::remove_dir(shard);
    }
    fs::rename(&away, shard).unwrap();
    assert_eq!(get(&s.cache, "k"), Some(b"v".to_vec()));
}

#[test]
fn a_folder_that_vanishes_is_made_again() {
    let s = scratch(500);
    set(&s.cache, "k", b"v");
    fs::remove_dir_all(&s.dir).unwrap();
    assert_eq!(get(&s.cache, "k"), None);
    assert!(!delete(&s.cache, "k"));
    s.cache.clear("").unwrap();
    assert_eq!(s.cache.entries(), Some(0));
    set(&s.cache, "k", b"w");
    assert_eq!(get(&s.cache, "k"), Some(b"w".to_vec()));
    let mode = fs::metadata(&s.dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_configured_folder_may_be_a_link() {
    let outer = private_dir();
    let (real, link) = (outer.path().join("real"), outer.path().join("link"));
    make_private(&real);
    symlink(&real, &link).unwrap();
    let cache = FileSystemCache::open(&link).unwrap();
    set(&cache, "k", b"v");
    assert_eq!(all_files(&real).len(), 1);
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let outer = private_dir();
    let file = outer.path().join("file");
    fs::write(&file, b"precious").unwrap();
    for dir in [file.clone(), file.join("below"), PathBuf::new()] {
        let error = FileSystemCache::open(&dir).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{dir:?}: {error:#}");
    }
    assert_eq!(fs::read(file).unwrap(), b"precious");
}

#[test]
fn a_world_writable_folder_is_refused_unless_it_is_sticky() {
    let dir = private_dir();
    let open_with = |mode| {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        FileSystemCache::open(dir.path())
    };
    for mode in [0o777, 0o707, 0o702] {
        let error = open_with(mode).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{mode:o}");
        assert!(error.to_string().contains("world-writable"), "{error}");
    }
    for mode in [0o1777, 0o770, 0o755, 0o700] {
        set(&open_with(mode).unwrap(), "k", b"v");
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o7777, mode, "left as it was");
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let dir = private_dir();
    if let Err(error) = chown(dir.path(), Some(12_345), None) {
        return leave_out(&format!("a folder of another user, which takes root ({error})"));
    }
    let error = FileSystemCache::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:#}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "and nothing was left in it");
}

#[test]
fn a_mode_that_is_none_is_refused() {
    let dir = private_dir();
    for mode in [0o0, 0o200, 0o1600, 0o4755, 0o100_600, u32::MAX] {
        let error = FileSystemConfig::new(dir.path()).mode(mode).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{mode:o}");
    }
}

#[test]
fn what_this_user_may_not_read_is_a_miss_or_an_error_but_never_a_panic() {
    let outer = private_dir();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let dir = outer.path().join("cache");
    make_private(&dir);
    if let Err(error) = chown(&dir, Some(ANOTHER), None) {
        return leave_out(&format!("working as another user, which takes root ({error})"));
    }
    // What root makes with the default mode, only root can read.
    let cache = FileSystemCache::open(&dir);
    assert_eq!(
        cache.unwrap_err().kind(),
        ErrorKind::Config,
        "root does not trust the folder of another user either"
    );
    chown(&dir, Some(0), None).unwrap();
    set(&FileSystemCache::open(&dir).unwrap(), "of root", b"v");
    chown(&dir, Some(ANOTHER), None).unwrap();
    assert!(child("unprivileged", &dir, &"").status().unwrap().success());
}

const ANOTHER: u32 = 54_321;

pub(crate) fn work_unprivileged(dir: &Path) {
    // SAFETY: setuid has no preconditions; what it answers is checked.
    assert_eq!(unsafe { libc::setuid(ANOTHER) }, 0);
    if let Err(error) = fs::read_dir(dir) {
        return leave_out(&format!(
            "working as another user in {}, who cannot get there: {error}",
            dir.display()
        ));
    }
    let shard = path_of(dir, "of root").with_file_name("");
    let error = FileSystemCache::open(dir).expect_err("a shard that cannot be listed");
    assert_eq!(error.kind(), ErrorKind::Backend, "{error:#}");
    fs::rename(&shard, dir.join("put away")).expect("the folder is this user's");

    let cache = FileSystemCache::open(dir).expect("a cache");
    set(&cache, "k", b"v");
    let place = path_of(dir, "k");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o000)).expect("the file is this user's");
    assert_eq!(get(&cache, "k"), None, "what may not be read is a miss");
    assert!(place.exists());
    set(&cache, "k", b"w");
    assert_eq!(get(&cache, "k"), Some(b"w".to_vec()), "and can be replaced");

    fs::rename(dir.join("put away"), &shard).expect("the folder is this user's");
    assert_eq!(cache.get_many(&["of root"]).expect_err("a closed shard").kind(), ErrorKind::Backend);
    assert_eq!(
        cache.set_many(&[("of root", b"")], None).expect_err("a closed shard").kind(),
        ErrorKind::Backend
    );
    assert_eq!(cache.clear("").expect_err("not all of it").kind(), ErrorKind::Backend);
    assert_eq!(get(&cache, "k"), None, "it cleared what it could");
    for number in 0..1000 {
        let _ = cache.set_many(&[(format!("{number}").as_str(), b"v")], None);
    }
    assert!(all_files_but(dir, &shard) <= 500, "a closed shard does not stop the pruning of the others");
    let refused = FileSystemCache::open("/").expect_err("a folder without the right to write");
    assert_eq!(refused.kind(), ErrorKind::Backend);
}

fn all_files_but(dir: &Path, shard: &Path) -> usize {
    let shards = fs::read_dir(dir).expect("a folder").map(|found| found.expect("an item").path());
    shards.filter(|path| path.is_dir() && path.join("") != shard).map(|path| all_files(&path).len()).sum()
}
