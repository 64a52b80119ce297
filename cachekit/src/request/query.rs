//! Query strings: their pairs, and an order that does not depend on how they were written.

/// The pairs of a query, decoded as forms are: `%41` and `+`. Without a leading `?`.
///
/// No two different queries give the same pairs, though what is no UTF-8 has no decoded form: such a part stays as it is
/// behind U+FFFD, and so does one that begins with that character itself.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let query = query.strip_prefix('?').unwrap_or(query);
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// The pairs as they were written, sorted by name, those of some names left out. Those of one name stay in their order:
/// services take the first, or the last.
#[cfg(feature = "http")]
pub(crate) fn sorted(query: &str, ignored: &[String]) -> String {
    let mut parts: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    if !ignored.is_empty() {
        parts.retain(|part| !ignored.iter().any(|ignored| ignored == name(part)));
    }
    if parts.len() > 1 {
        let is_plain = !parts.iter().any(|part| name(part).contains(['%', '+']));
        if is_plain {
            parts.sort_by_key(|part| name(part));
        } else {
            parts.sort_by_cached_key(|part| decode(name(part)));
        }
    }
    parts.join("&")
}

#[cfg(feature = "http")]
fn name(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name)
}

fn decode(part: &str) -> String {
    const MARK: char = '\u{fffd}';
    if !part.contains(['%', '+']) && !part.starts_with(MARK) {
        return part.to_owned();
    }
    let mut bytes = Vec::with_capacity(part.len());
    let raw = part.as_bytes();
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let escaped =
            (*byte == b'%').then(|| Some(digit(*raw.get(at + 1)?)? << 4 | digit(*raw.get(at + 2)?)?));
        if let Some(escaped) = escaped.flatten() {
            bytes.push(escaped);
            at += 3;
        } else {
            bytes.push(if *byte == b'+' { b' ' } else { *byte });
            at += 1;
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.starts_with(MARK) => text,
        _ => format!("{MARK}{part}"),
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let pairs = pairs("?a=1&b=x+y%20z&a=%C3%A9&c&=d&%zz=%4");
        let expected = [("a", "1"), ("b", "x y z"), ("a", "é"), ("c", ""), ("", "d"), ("%zz", "%4")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn no_two_values_are_decoded_alike_unless_they_are() {
        let different = ["%ff", "%fe", "%25ff", "%EF%BF%BD", "%EF%BF%BD%25ff", "\u{fffd}%ff"].map(decode);
        for (index, one) in different.iter().enumerate() {
            assert!(!different[..index].contains(one), "{one:?}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn the_order_does_not_count_but_duplicates_do() {
        assert_eq!(sorted("b=2&a=1", &[]), sorted("a=1&b=2", &[]));
        assert_eq!(sorted("b=1&a=2&a=1&&", &[]), "a=2&a=1&b=1");
        assert_ne!(sorted("a=2&a=1", &[]), sorted("a=1&a=2", &[]), "a service may take the last");
        assert_ne!(sorted("a=2&%61=1", &[]), sorted("%61=1&a=2", &[]), "however it is written");
        assert_eq!(sorted("%62=1&a=2", &[]), sorted("a=2&%62=1", &[]));
        assert_ne!(sorted("a=1&a=1", &[]), sorted("a=1", &[]));
        assert_eq!(sorted("utm_source=x&a=1&utm_source", &["utm_source".to_owned()]), "a=1");
    }
}
