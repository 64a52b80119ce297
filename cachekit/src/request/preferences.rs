//! What a request prefers, in a form that does not depend on how it was written.

use super::list::split;

/// A value without what does not matter: for lists of preferences their layout, for codings also their order, for all others
/// blanks at the ends.
pub(crate) fn normalized(name: &str, value: &str) -> String {
    match name {
        "accept-encoding" => preferences(value, false),
        "accept" | "accept-language" | "accept-charset" => preferences(value, true),
        _ => value.trim().to_owned(),
    }
}

/// The members of a list in lower case, the most wanted first, equal ones as they were listed: some services take the first.
/// Without weights only refusals (`q=0`) are kept, and order does not count: whoever accepts a coding can be sent it.
fn preferences(value: &str, weighted: bool) -> String {
    let Some(parts) = split(value, ',') else { return value.trim().to_owned() };
    let mut wanted: Vec<(u16, String)> = parts.into_iter().map(preference).collect();
    if !weighted {
        for (weight, _) in &mut wanted {
            *weight = if *weight == 0 { 0 } else { 1000 };
        }
    }
    if !weighted {
        wanted.sort_by(|a, b| a.1.cmp(&b.1));
    }
    wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    wanted.dedup();
    let texts = wanted.into_iter().map(|(weight, name)| match weight {
        1000 => name,
        weight => format!("{name};q={weight}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

/// A member and its weight in thousandths.
fn preference(part: &str) -> (u16, String) {
    let (mut weight, mut name) = (1000, String::new());
    for (index, piece) in part.split(';').map(str::trim).enumerate() {
        let lower = piece.to_ascii_lowercase();
        match lower.strip_prefix("q=") {
            Some(value) if index > 0 => weight = thousandths(value),
            _ if index == 0 => name = lower,
            _ => {
                name.push(';');
                name.push_str(&lower);
            }
        }
    }
    (weight, name)
}

fn thousandths(value: &str) -> u16 {
    let value: f32 = value.trim().parse().ok().filter(|value: &f32| value.is_finite()).unwrap_or(0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let weight = (value.clamp(0.0, 1.0) * 1000.0).round() as u16;
    weight
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn preferences_are_sorted_by_weight() {
        assert_eq!(normalized("accept-language", "en;q=0.5, DE , fr;q=0.9,de"), "de,fr;q=900,en;q=500");
        assert_eq!(normalized("accept-language", "fr, de, en;q=0.5"), "fr,de,en;q=500");
        assert_eq!(normalized("accept-encoding", "gzip;q=0.5, br, x;q=0"), "br,gzip,x;q=0");
        assert_eq!(normalized("accept", "text/html;level=1;q=0.3"), "text/html;level=1;q=300");
        assert_eq!(normalized("x-theme", " A "), "A");
    }
}
