//! What the layers add to a request, against the bare service, in one run, on axum and on actix-web: `cargo run --release
//! -p cachekit-web-tests --example overhead`. Fails if a hit costs more than 5 µs or a bypass more than 2 µs.

mod actix;
mod axum;
mod times;

use std::process::ExitCode;

/// The fields of a request, as a browser sends them.
const FIELDS: [(&str, &str); 8] = [
    ("host", "localhost:3000"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("connection", "keep-alive"),
    ("cookie", "theme=dark; session=0123456789abcdef0123456789abcdef"),
    ("upgrade-insecure-requests", "1"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let on_axum = axum::measure().await;
    let on_actix = actix::measure().await;
    if on_axum && on_actix { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
