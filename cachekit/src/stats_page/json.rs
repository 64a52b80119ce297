//! The figures as JSON.

use std::fmt::Write as _;

use cachekit_backends::ServerHealth;

use super::figures::{Figures, Function, doing};

/// All figures. Times are in seconds.
pub(super) fn figures(figures: &Figures) -> String {
    let functions: Vec<String> = figures.functions.iter().map(function).collect();
    let caches: Vec<String> = figures
        .caches
        .iter()
        .map(|cache| {
            let servers: Vec<String> = cache.servers.iter().map(server).collect();
            let tags: Vec<String> = cache.tags(&figures.functions).into_iter().map(text).collect();
            format!(
                "{{\"name\":{},\"backend\":{},\"entries\":{},\"refused\":{},\"waiting\":{},\"servers\":[{}],\"tags\":[{}]}}",
                text(&cache.name),
                text(cache.backend),
                number(cache.entries),
                cache.refused,
                cache.waiting,
                servers.join(","),
                tags.join(",")
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

fn server(server: &ServerHealth) -> String {
    format!(
        "{{\"server\":{},\"breaker\":{},\"failures\":{},\"doing\":{}}}",
        text(&server.server),
        text(&server.breaker.to_string()),
        server.failures,
        text(doing(server.breaker))
    )
}

fn function(function: &Function) -> String {
    let stats = &function.stats;
    let history: Vec<String> = function
        .history
        .iter()
        .map(|ratio| ratio.map_or("null".to_owned(), |ratio| format!("{}", f64::from(ratio) / 1000.0)))
        .collect();
    let tags: Vec<String> = stats.tags.iter().map(|tag| text(tag)).collect();
    format!(
        "{{\"function\":{},\"cache\":{},\"hits\":{},\"misses\":{},\"coalesced\":{},\"bypasses\":{},\"refreshes\":{},\"fallbacks\":{},\"timeouts\":{},\"stored\":{},\"rejected\":{},\
         \"errors\":{},\"verified\":{},\"mismatches\":{},\"hit_ratio\":{},\"compute_seconds\":{},\"saved_seconds\":{},\"entries\":{},\
         \"ramp\":{},\"tags\":[{}],\"value_tags\":{},\"can_be_forgotten\":{},\"history\":[{}]}}",
        text(&stats.function),
        text(&function.cache),
        stats.hits,
        stats.misses,
        stats.coalesced,
        stats.bypasses,
        stats.refreshes,
        stats.fallbacks,
        stats.timeouts,
        stats.stored,
        stats.rejected,
        stats.errors,
        stats.verified.matches + stats.verified.mismatches,
        stats.verified.mismatches,
        stats.hit_ratio().map_or("null".to_owned(), |ratio| ratio.to_string()),
        stats.compute_time.as_secs_f64(),
        function.saved.as_secs_f64(),
        number(stats.entries),
        stats.ramp,
        tags.join(","),
        function.value_tags,
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
