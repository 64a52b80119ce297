//! The figures as a page.

use std::fmt::Write as _;
use std::time::Duration;

use super::figures::{Figures, Function, doing};
use super::json;

/// The page: figures that can be read without scripts, and a script that keeps them fresh.
pub(super) fn page(title: &str, figures: &Figures) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{style}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p id=\"state\" role=\"status\">as of this moment</p></header>\n\
         <main id=\"figures\">{body}</main>\n<script>const first = {json};\n{script}</script>\n</body>\n</html>\n",
        style = include_str!("page.css"),
        script = include_str!("page.js"),
        body = body(figures),
        json = json::figures(figures),
    )
}

/// The same as the script makes of the JSON.
fn body(figures: &Figures) -> String {
    let mut html = String::from("<section><h2>Caches</h2>");
    for cache in &figures.caches {
        let entries = cache.entries.map_or("elsewhere".to_owned(), |entries| entries.to_string());
        let _ = write!(
            html,
            "<article><h3>{}</h3><dl><div><dt>backend</dt><dd>{}</dd></div><div><dt>entries</dt><dd>{entries}</dd></div>\
             <div><dt>refused</dt><dd>{}</dd></div><div><dt>to be forgotten</dt><dd>{}</dd></div></dl>",
            escape(&cache.name),
            escape(cache.backend),
            cache.refused,
            cache.waiting
        );
        if !cache.servers.is_empty() {
            html.push_str("<ul class=\"servers\">");
        }
        for server in &cache.servers {
            let _ = write!(html, "<li><code>{}</code> {}", escape(&server.server), doing(server.breaker));
            if server.failures > 0 {
                let _ = write!(html, ", failures in a row: {}", server.failures);
            }
            html.push_str("</li>");
        }
        html.push_str(if cache.servers.is_empty() { "</article>" } else { "</ul></article>" });
    }
    html.push_str("</section><section><h2>Functions</h2>");
    for function in &figures.functions {
        article(&mut html, function);
    }
    html.push_str("</section>");
    html
}

fn article(html: &mut String, function: &Function) {
    let stats = &function.stats;
    let ratio = stats.hit_ratio().map_or("–".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0));
    let entries = stats.entries.map_or("elsewhere".to_owned(), |entries| entries.to_string());
    let figures = [
        ("hit ratio", ratio),
        ("hits", stats.hits.to_string()),
        ("misses", stats.misses.to_string()),
        ("time saved", seconds(function.saved)),
        ("entries", entries),
        ("errors", stats.errors.to_string()),
    ];
    let _ = write!(html, "<article><h3>{}</h3><dl>", escape(&stats.function));
    for (name, value) in figures {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>");
    if !stats.tags.is_empty() || function.value_tags {
        let tags = stats.tags.iter().map(|tag| format!("<code>{}</code>", escape(tag)));
        let tags: Vec<String> = tags.chain(function.value_tags.then(|| "by value".to_owned())).collect();
        let _ = write!(html, "<p class=\"tags\">tags: {}</p>", tags.join(", "));
    }
    html.push_str("</article>");
}

fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 { format!("{seconds:.1} s") } else { format!("{:.1} ms", seconds * 1000.0) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
