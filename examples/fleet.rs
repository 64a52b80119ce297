//! One computation for a fleet: several processes share a cache, and what none of them has is computed by one.

use std::env;
use std::process::Command;
use std::thread;
use std::time::Duration;

use cachekit::{Cache, memoize};

#[memoize(timeout = 600, lock)]
fn expensive(year: u16) -> u32 {
    println!("  process {} computes", env::var("PROCESS").unwrap_or_default());
    thread::sleep(Duration::from_millis(300));
    u32::from(year) * 365
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::temp_dir().join(format!("cachekit-fleet-{}", std::process::id()));
    let url = env::var("CACHE_URL").unwrap_or_else(|_| format!("filesystem://{}", folder.display()));
    if env::var_os("PROCESS").is_some() {
        cachekit::install(Cache::from_url(&url)?)?;
        assert_eq!(expensive(2), 730);
        return Ok(());
    }
    println!("four processes ask for the same:");
    let process = |n: u32| {
        Command::new(env::current_exe()?).env("PROCESS", n.to_string()).env("CACHE_URL", &url).spawn()
    };
    let mut processes = (1..=4).map(process).collect::<Result<Vec<_>, _>>()?;
    for process in &mut processes {
        assert!(process.wait()?.success());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    println!("all have the value");
    Ok(())
}
