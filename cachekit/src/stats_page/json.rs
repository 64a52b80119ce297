//! The figures as JSON.

use std::fmt::Write as _;

use super::figures::{Figures, Function};

/// All figures. Times are in seconds.
pub(super) fn figures(figures: &Figures) -> String {
    let functions: Vec<String> = figures.functions.iter().map(function).collect();
    let caches: Vec<String> = figures
        .caches
        .iter()
        .map(|cache| {
            format!(
                "{{\"name\":{},\"backend\":{},\"entries\":{},\"refused\":{}}}",
                text(&cache.name),
                text(cache.backend),
                number(cache.entries),
                cache.refused
            )
        })
        .collect();
    format!(
        "{{\"may_forget\":{},\"functions\":[{}],\"caches\":[{}]}}",
        figures.may_forget,
        functions.join(","),
        caches.join(",")
    )
}

fn function(function: &Function) -> String {
    let stats = &function.stats;
    let history: Vec<String> = function
        .history
        .iter()
        .map(|ratio| ratio.map_or("null".to_owned(), |ratio| format!("{}", f64::from(ratio) / 1000.0)))
        .collect();
    format!(
        "{{\"function\":{},\"hits\":{},\"misses\":{},\"coalesced\":{},\"bypasses\":{},\"stored\":{},\"rejected\":{},\
         \"errors\":{},\"hit_ratio\":{},\"compute_seconds\":{},\"saved_seconds\":{},\"entries\":{},\
         \"can_be_forgotten\":{},\"history\":[{}]}}",
        text(&stats.function),
        stats.hits,
        stats.misses,
        stats.coalesced,
        stats.bypasses,
        stats.stored,
        stats.rejected,
        stats.errors,
        stats.hit_ratio().map_or("null".to_owned(), |ratio| ratio.to_string()),
        stats.compute_time.as_secs_f64(),
        function.saved.as_secs_f64(),
        number(stats.entries),
        function.can_be_forgotten,
        history.join(",")
    )
}

fn number(number: Option<usize>) -> String {
    number.map_or("null".to_owned(), |number| number.to_string())
}

/// A text as JSON has it, also fit to stand in a script of a page.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            // Writing to a String cannot fail.
            c if c.is_control() || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(text("a\"b\\c\n</script>"), r#""a\"b\\c\n\u003c/script\u003e""#);
        assert_eq!(text("é\u{7}"), "\"é\\u0007\"");
    }
}
