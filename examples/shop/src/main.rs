//! `cargo run -p shop`: the shop, on the cache in this process, or on another one with `--cache URL`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match shop::serve::serve(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::FAILURE
        }
    }
}
