//! Lists in header fields, with quoted texts in them.

/// The parts of a text between separators that are not in quotes, without surrounding blanks; empty ones are left out.
pub(crate) fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(&text[start..at]);
            start = at + separator.len_utf8();
        }
    }
    if quoted {
        return None;
    }
    parts.push(&text[start..]);
    Some(parts.into_iter().map(|part| part.trim_matches(SPACE)).filter(|part| !part.is_empty()).collect())
}

/// The blanks of HTTP.
pub(crate) const SPACE: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn what_is_in_quotes_stays_together() {
        assert_eq!(split(" a;b , \"c, \\\"d\" ,,e", ',').unwrap_or_default(), ["a;b", "\"c, \\\"d\"", "e"]);
        assert_eq!(split("a, \"b", ','), None);
    }
}
