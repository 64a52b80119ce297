//! The slots of a cluster: which one a key is in, and which node has it.

use redis::Value;

use crate::net::Address;

/// The number of slots.
const SLOTS: u16 = 16_384;
/// Stands for a slot that nobody has.
const NOBODY: u16 = u16::MAX;

/// The slot of a key. Keys with the same part between braces are in the same slot.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    let tagged = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tagged.unwrap_or(key)) % SLOTS
}

/// CRC-16/XMODEM, which the protocol prescribes.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte: u16 = 0;
    while byte < 256 {
        let mut crc = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

/// Which master has which slot.
#[derive(Debug)]
pub(crate) struct Map {
    owners: Box<[u16]>,
    masters: Vec<Address>,
}

impl Map {
    /// Reads the answer to `CLUSTER SLOTS` of the node at `asked`. `None` if it is none, or leaves every slot to nobody.
    pub(crate) fn read(reply: &Value, asked: &Address) -> Option<Self> {
        let Value::Array(ranges) = reply else { return None };
        let mut map =
            Self { owners: vec![NOBODY; usize::from(SLOTS)].into_boxed_slice(), masters: Vec::new() };
        for range in ranges {
            let Value::Array(parts) = range else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(node), ..] = &parts[..] else {
                return None;
            };
            let [host, Value::Int(port), ..] = &node[..] else { return None };
            let master = address(host, *port, asked)?;
            let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
            let owner = map.number(master);
            map.owners.get_mut(first..=last)?.fill(owner);
        }
        (!map.masters.is_empty()).then_some(map)
    }

    fn number(&mut self, master: Address) -> u16 {
        let known = self.masters.iter().position(|known| *known == master);
        let number = known.unwrap_or_else(|| {
            self.masters.push(master);
            self.masters.len() - 1
        });
        // There are no more masters than slots.
        u16::try_from(number).unwrap_or(NOBODY)
    }

    /// The master that has a slot.
    pub(crate) fn owner(&self, slot: u16) -> Option<&Address> {
        self.masters.get(usize::from(*self.owners.get(usize::from(slot))?))
    }

    /// Whether every slot is where it is in another map, in whatever order the masters are named.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let place = |master| other.masters.iter().position(|known| known == master);
        let number = |place| u16::try_from(place).ok();
        let numbers: Option<Vec<u16>> =
            self.masters.iter().map(|master| place(master).and_then(number)).collect();
        let Some(numbers) = numbers else { return false };
        let number = |owner: u16| numbers.get(usize::from(owner)).copied().unwrap_or(NOBODY);
        self.owners.iter().zip(&other.owners).all(|(owner, other)| number(*owner) == *other)
    }

    /// Every master that has slots.
    pub(crate) fn masters(&self) -> &[Address] {
        &self.masters
    }
}

/// A node as nodes speak of each other. One that does not know its own name means the address it was asked at.
fn address(host: &Value, port: i64, asked: &Address) -> Option<Address> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    let known = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    named(known, port, asked)
}

fn named(host: &str, port: u16, asked: &Address) -> Option<Address> {
    match (host, asked) {
        ("" | "?", Address::Tcp { host, .. }) => Some(Address::tcp(host.clone(), port)),
        ("" | "?", Address::Unix(_)) => None,
        (host, _) => Some(Address::tcp(host, port)),
    }
}

/// Where `MOVED` and `ASK` of the node at `asked` lead to: their details are a slot and `host:port`.
pub(crate) fn redirected(details: &str, asked: &Address) -> Option<Address> {
    let (host, port) = details.split_whitespace().nth(1)?.rsplit_once(':')?;
    named(host, port.parse().ok().filter(|port| *port != 0)?, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Address {
        Address::tcp("10.0.0.9", 7009)
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = Value::Array(vec![host, Value::Int(port), bulk("id"), Value::Array(vec![])]);
        let replica = Value::Array(vec![bulk("10.0.0.8"), Value::Int(1), bulk("id")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node, replica])
    }

    #[test]
    fn slots_are_those_of_the_servers() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        // As `CLUSTER KEYSLOT` gives them.
        for (key, slot) in [
            ("", 0),
            ("a", 15495),
            ("b", 3300),
            ("c", 7365),
            ("foo", 12182),
            ("foo{hash_tag}", 2515),
            ("hash_tag", 2515),
            ("{user1000}.following", 3443),
            ("user1000", 3443),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("{bar", 4015),
            ("foo{bar}{zap}", 5061),
            ("bar", 5061),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key:?}");
        }
    }

    #[test]
    fn a_map_names_the_owners() {
        let reply = Value::Array(vec![
            range(0, 5460, bulk("10.0.0.1"), 7001),
            range(5461, 5461, bulk("::1"), 7002),
            range(5462, 10_000, bulk("10.0.0.1"), 7001),
            range(10_001, 16_000, bulk(""), 7003),
            range(16_001, 16_001, Value::Nil, 7004),
        ]);
        let map = Map::read(&reply, &asked()).expect("a map");
        for (slot, owner) in [
            (0, Some(Address::tcp("10.0.0.1", 7001))),
            (5461, Some(Address::tcp("::1", 7002))),
            (10_000, Some(Address::tcp("10.0.0.1", 7001))),
            (16_000, Some(Address::tcp("10.0.0.9", 7003))),
            (16_001, Some(Address::tcp("10.0.0.9", 7004))),
            (16_002, None),
            (16_383, None),
        ] {
            assert_eq!(map.owner(slot), owner.as_ref(), "{slot}");
        }
        assert_eq!(map.masters().len(), 4);
    }

    #[test]
    fn maps_agree_when_every_slot_is_where_it_was() {
        let map = |ranges: Vec<Value>| Map::read(&Value::Array(ranges), &asked()).expect("a map");
        let (one, two) = (|| bulk("10.0.0.1"), || bulk("10.0.0.2"));
        let known = map(vec![range(0, 5, one(), 1), range(6, 9, two(), 2)]);
        assert!(known.agrees(&known));
        assert!(known.agrees(&map(vec![range(6, 9, two(), 2), range(0, 5, one(), 1)])), "in another order");
        for other in [
            vec![range(0, 5, two(), 2), range(6, 9, one(), 1)],
            vec![range(0, 5, one(), 1)],
            vec![range(0, 4, one(), 1), range(5, 9, two(), 2)],
            vec![range(0, 5, one(), 1), range(6, 9, two(), 3)],
            vec![range(0, 9, one(), 1)],
            vec![range(0, 5, one(), 1), range(6, 10, two(), 2)],
        ] {
            let other = map(other);
            assert!(!known.agrees(&other) && !other.agrees(&known), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_map_is_none() {
        for reply in [
            Value::Array(vec![]),
            Value::Int(1),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1)])]),
            Value::Array(vec![range(0, 16_384, bulk("h"), 1)]),
            Value::Array(vec![range(-1, 5, bulk("h"), 1)]),
            Value::Array(vec![range(7, 5, bulk("h"), 1)]),
            Value::Array(vec![range(0, 5, bulk("h"), 0)]),
            Value::Array(vec![range(0, 5, bulk("h"), 70_000)]),
            Value::Array(vec![range(0, 5, Value::Int(1), 1)]),
        ] {
            assert!(Map::read(&reply, &asked()).is_none(), "{reply:?}");
        }
    }

    #[test]
    fn redirections_name_a_node() {
        for (details, address) in [
            ("3999 127.0.0.1:6381", Some(Address::tcp("127.0.0.1", 6381))),
            ("3999 ::1:6381", Some(Address::tcp("::1", 6381))),
            ("3999 :6381", Some(Address::tcp("10.0.0.9", 6381))),
            ("3999 redis.example:6381", Some(Address::tcp("redis.example", 6381))),
            ("3999", None),
            ("3999 host", None),
            ("3999 host:0", None),
            ("", None),
        ] {
            assert_eq!(redirected(details, &asked()), address, "{details:?}");
        }
    }
}
