//! How long values live: as the arguments or the value say, until an instant, as long as somebody asks.

use std::time::{Duration, SystemTime};

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, memoize};

const MIDNIGHT: u64 = 946_771_200; // 2 January 2000, where the clock begins a day before

#[memoize(timeout = Duration::from_secs(60 * days))]
fn forecast(town: &str, days: u64) -> String {
    format!("{days} days of sun in {town}")
}

#[memoize(timeout_from = |token| Duration::from_secs(token.1))]
fn token(user: &str) -> (String, u64) {
    (format!("token of {user}"), 3600)
}

#[memoize(timeout = SystemTime::UNIX_EPOCH + Duration::from_secs(MIDNIGHT))]
fn menu(restaurant: &str) -> String {
    format!("soup at {restaurant}")
}

/// A week at most, up to a tenth less so that not all end at once; not when nobody asked for an hour.
#[memoize(timeout = "7d", idle = "1h", jitter = 0.1)]
fn session(user: &str) -> String {
    format!("session of {user}")
}

const TIMES: [(&str, u64); 5] =
    [("2 min", 120), ("3 min", 60), ("1 h", 3420), ("2 h", 3600), ("1 day", 79_200)];

fn main() {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        forecast("Rome", 3);
        token("ada");
        menu("Da Bruno");
        session("ada");
        println!("   after forecast token    menu     session");
        for (name, by) in TIMES {
            clock.advance(Duration::from_secs(by));
            // The session is in use for an hour.
            let is_there = [
                forecast::peek("Rome", 3).is_some(),
                token::peek("ada").is_some(),
                menu::peek("Da Bruno").is_some(),
                if by < 3600 { !session("ada").is_empty() } else { session::peek("ada").is_some() },
            ];
            println!(
                "{name:>8} {}",
                is_there.map(|is_there| if is_there { "yes      " } else { "-        " }).concat()
            );
        }
    });
}
