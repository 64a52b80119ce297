//! Byte-level safety: whatever is in a key, a prefix or a value, nothing else on the server changes. Another client looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cachekit_backends::{Backend, Seen};
use cachekit_tests::servers::Memcached;
use memcache::Client;

use crate::support::{cache, flavours, listing, name_in};

/// What would be commands in the text protocol, what no name can have, and lengths around the limit.
fn nasty() -> Vec<String> {
    let mut keys: Vec<String> = [
        "x\r\nflush_all",
        "x\r\nflush_all\r\n",
        "x\nflush_all noreply\n",
        "x\r\ndelete bystander\r\n",
        "x\r\nset bystander 0 0 3\r\nbad\r\n",
        "bystander ",
        " bystander",
        "bystander 0 0 3\r\nbad",
        "a\0b",
        "\r",
        "\n",
        "\t",
        " ",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "noreply",
        "cachekit:epochs",
        "cachekit:key:",
        "cachekit:chunk:0:0:0",
        "CKe1",
        "{bystander}",
        "../bystander",
        "*",
    ]
    .map(str::to_owned)
    .into();
    for length in [249, 250, 251, 255, 256, 1000] {
        keys.push("k".repeat(length));
        keys.push(format!("{}\n", "k".repeat(length - 1)));
        keys.push(format!("{}é", "k".repeat(length - 2)));
        keys.push(format!("{}日", "k".repeat(length - 3)));
    }
    keys
}

/// What is on the server and none of ours, as another client sees it.
fn bystanders(client: &Client) -> BTreeMap<String, Option<String>> {
    let names = ["bystander", "x", "flush_all", "k", "a", "b", "set", "bad", "0"];
    names.iter().map(|name| ((*name).to_owned(), client.get::<String>(name).unwrap())).collect()
}

fn client(servers: &Memcached) -> Client {
    let url = format!("memcache://{}?timeout=5&protocol=ascii", servers.node(0).address());
    Client::with_pool_size(url, 1).unwrap()
}

#[test]
fn no_key_is_a_command() {
    let Some(servers) = Memcached::start(1) else { return };
    let other = client(&servers);
    for name in ["bystander", "k", "a"] {
        other.set(name, "untouched", 0).unwrap();
    }
    let before = bystanders(&other);
    for (flavour, b) in flavours(Arc::new(cache(&servers))) {
        for key in nasty() {
            let what = format!("{flavour}, {key:?}");
            assert!(b.add(&key, b"1", None).unwrap(), "{what}");
            assert_eq!(b.set_many(&[(&key, b"2")], None).unwrap(), [true], "{what}");
            assert!(b.compare_and_set(&key, Some(Seen::new(b"2")), b"3", None).unwrap(), "{what}");
            assert_eq!(b.get_many(&[&key]).unwrap(), [Some(b"3".to_vec())], "{what}");
            assert_eq!(b.has_many(&[&key]).unwrap(), [true], "{what}");
            assert_eq!(b.increment(&key, 1, None).unwrap(), 4, "{what}");
            let found = b.add_and_read(&[(&key, b"5", None)], &[&key]).unwrap();
            assert_eq!(found[0].as_ref().unwrap().value, b"4", "{what}");
            assert_eq!(b.delete_many(&[&key]).unwrap(), [true], "{what}");
            assert_eq!(bystanders(&other), before, "{what}");
        }
    }
}

#[test]
fn no_prefix_and_no_value_is_a_command() {
    let Some(servers) = Memcached::start(1) else { return };
    let other = client(&servers);
    other.set("bystander", "untouched", 0).unwrap();
    let before = bystanders(&other);
    for (flavour, b) in flavours(Arc::new(cache(&servers))) {
        for nasty in nasty() {
            let (own, kept) = (format!("{nasty}own"), "kept");
            b.set_many(&[(&own, nasty.as_bytes()), (kept, b"1")], None).unwrap();
            assert_eq!(
                b.get_many(&[&own]).unwrap(),
                [Some(nasty.as_bytes().to_vec())],
                "{flavour}, {nasty:?}"
            );
            b.clear(&nasty).unwrap();
            assert_eq!(b.has_many(&[&own, kept]).unwrap(), [false, true], "{flavour}, {nasty:?}");
            assert_eq!(bystanders(&other), before, "{flavour}, {nasty:?}");
        }
    }
}

/// A key that a server takes is its own name, with its bytes after the frame; and what others put there is no entry.
#[test]
fn other_clients_see_the_entries_and_cannot_break_them() {
    let Some(servers) = Memcached::start(1) else { return };
    let other = client(&servers);
    for (flavour, b) in flavours(Arc::new(cache(&servers))) {
        let longest = "k".repeat(250);
        for key in ["flask_cache_view//", "a!b~c", &longest] {
            b.set_many(&[(key, b"seen")], None).unwrap();
            let bytes: Vec<u8> = other.get(key).unwrap().unwrap();
            assert!(bytes.starts_with(b"CKf1v") && bytes.ends_with(b"seen"), "{flavour}");
            for foreign in ["", "foreign", "5", "CKf1v", "CKf1vxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"] {
                other.set(key, foreign, 0).unwrap();
                assert_eq!(b.get_many(&[key]).unwrap(), [None], "{flavour}, {foreign:?}");
                assert_eq!(b.has_many(&[key]).unwrap(), [false]);
                assert_eq!(b.delete_many(&[key]).unwrap(), [false]);
                other.set(key, foreign, 0).unwrap();
                assert!(b.add(key, b"new", None).unwrap(), "{flavour}, {foreign:?}");
                assert_eq!(b.get_many(&[key]).unwrap(), [Some(b"new".to_vec())]);
                other.set(key, foreign, 0).unwrap();
                assert_eq!(b.increment(key, 7, None).unwrap(), 7, "{flavour}, {foreign:?}");
            }
        }
        // Even where the registry is.
        b.set_many(&[("k", b"v")], None).unwrap();
        for foreign in ["", "foreign", "CKe1"] {
            other.set("cachekit:epochs", foreign, 0).unwrap();
            assert_eq!(b.get_many(&["k"]).unwrap(), [None], "everything is dead, nothing is wrong");
            b.set_many(&[("k", b"v")], None).unwrap();
            assert_eq!(b.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}, {foreign:?}");
            b.clear("k").unwrap();
            assert_eq!(b.get_many(&["k"]).unwrap(), [None]);
            b.set_many(&[("k", b"v")], None).unwrap();
        }
    }
}

/// Every name on the server is one that the text protocol could carry, and no name is in use that is not meant to be.
#[test]
fn all_names_are_harmless() {
    let Some(servers) = Memcached::start(1) else { return };
    let b = cache(&servers);
    let keys = nasty();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"v"[..])).collect();
    assert!(b.set_many(&items, None).unwrap().into_iter().all(|stored| stored));
    // A dump leaves out what is in use at that moment.
    let names: BTreeSet<_> = listing(servers.node(0)).iter().map(|line| name_in(line)).collect();
    assert_eq!(names.len(), keys.len() + 1, "one for each key, and the registry");
    assert!(names.iter().all(|name| name.len() <= 250 && name.bytes().all(|byte| byte.is_ascii_graphic())));
}
