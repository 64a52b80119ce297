//! Which server has an entry: rendezvous hashing.

/// Which of these servers, given by the hashes of their addresses, has what is called so.
pub(super) fn chosen(servers: impl Iterator<Item = u64>, name: &str) -> usize {
    let hash = fnv1a(name.as_bytes());
    servers.enumerate().max_by_key(|(_, seed)| score(*seed, hash)).map_or(0, |(node, _)| node)
}

/// The hash of rendezvous hashing: FNV-1a, 64 bits. Which server has an entry must be the same in every version of this
/// library and on every platform, so it is written down here.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How much a server wants a name: the finalizer of `SplitMix64` over both hashes. The highest score has it, so that a
/// server which is added or taken away moves only what it gets or had.
fn score(server: u64, name: u64) -> u64 {
    let mut score = server ^ name;
    score = (score ^ score >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    score = (score ^ score >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    score ^ score >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [&str; 3] = ["cache1:11211", "cache2:11211", "cache3:11211"];

    fn owner<'a>(servers: &[&'a str], name: &str) -> &'a str {
        servers[chosen(servers.iter().map(|server| fnv1a(server.as_bytes())), name)]
    }

    /// Made by another program. If this fails, entries are looked for on servers that do not have them.
    #[test]
    fn the_hash_stays() {
        assert_eq!(
            ["", "a", "foobar"].map(|text| fnv1a(text.as_bytes())),
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
        assert_eq!(score(fnv1a(b"cache1:11211"), fnv1a(b"a")), 0xca9b_e614_8e7c_da7f);
        let names = ["a", "b", "c", "flask_cache_view//", "cachekit:epochs", "k0", "k1", "k2"];
        let expected = [0, 2, 0, 2, 2, 1, 1, 1].map(|server| SERVERS[server]);
        assert_eq!(names.map(|name| owner(&SERVERS, name)), expected);
    }

    #[test]
    fn servers_have_equal_parts_and_keep_them() {
        let names: Vec<String> = (0..3000).map(|n| format!("key {n}")).collect();
        for server in SERVERS {
            let part = names.iter().filter(|name| owner(&SERVERS, name) == server).count();
            assert!((900..1100).contains(&part), "{part} of 3000");
        }
        for name in &names {
            let (all, fewer) = (owner(&SERVERS, name), owner(&SERVERS[..2], name));
            assert!(all == fewer || all == SERVERS[2], "only what a server had moves when it is taken away");
            let turned = [SERVERS[2], SERVERS[0], SERVERS[1]];
            assert_eq!(owner(&turned, name), all, "the order does not matter");
        }
    }
}
