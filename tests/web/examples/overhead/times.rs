//! Times of calls: taken in turns, so that what else the machine does meets all services, and compared.

use std::time::Duration;

pub(crate) const CALLS: u32 = 20_000;
pub(crate) const ROUNDS: usize = 15;

/// What is asked: what that is to the cache, the method, the target.
pub(crate) const CASES: [(&str, &str, &str); 3] =
    [("a hit", "GET", "/page?b=2&a=1"), ("a bypass", "OPTIONS", "/page"), ("a change", "POST", "/act")];

/// The times of one call on each service, the bare one first.
pub(crate) struct Times {
    framework: &'static str,
    case: (&'static str, &'static str, &'static str),
    services: Vec<(&'static str, Vec<Duration>)>,
}

impl Times {
    pub(crate) fn new(
        framework: &'static str,
        case: (&'static str, &'static str, &'static str),
        services: &[&'static str],
    ) -> Self {
        let services = services.iter().map(|name| (*name, Vec::with_capacity(ROUNDS))).collect();
        Self { framework, case, services }
    }

    pub(crate) fn add(&mut self, service: usize, time: Duration) {
        self.services[service].1.push(time);
    }

    /// Prints the medians and what is added to them; whether what is added in the quietest rounds is what it may be. Other work on
    /// the machine only ever makes a round longer.
    pub(crate) fn are_fine(&mut self) -> bool {
        let (what, method, target) = self.case;
        println!("{}: {what}: {method} {target}", self.framework);
        let most = match what {
            "a hit" => 5e-6,
            "a bypass" => 2e-6,
            _ => f64::INFINITY,
        };
        let bare = median(&mut self.services[0].1);
        let quiet_bare = self.services[0].1[0];
        let mut are_fine = true;
        for (name, times) in &mut self.services {
            let own = median(times).as_secs_f64();
            let (added, quiet) =
                (own - bare.as_secs_f64(), times[0].as_secs_f64() - quiet_bare.as_secs_f64());
            println!(
                "  {name:<32}{:>9.0} ns{:>+9.0} ns{:>+9.0} ns at best",
                own * 1e9,
                added * 1e9,
                quiet * 1e9
            );
            are_fine &= quiet <= most;
        }
        are_fine
    }
}

/// Sorts them.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
