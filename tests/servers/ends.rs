//! No server outlives its test process; what cannot be started is said, or is a failure.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cachekit_tests::servers::{self, Node, Redis, shared};

use super::kinds::is_alive;

/// Set for a process of this very program that is to be killed.
const VICTIM: &str = "CACHEKIT_TEST_VICTIM";

/// A process of this very program that runs one test.
fn this_test(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("the program of this test"));
    command.args(["--exact", name]);
    command
}

/// The processes whose parent it is, and theirs.
fn descendants(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// What is killed below: shared servers, which are never dropped, and one that is paused.
#[test]
fn starts_servers_until_it_is_killed() {
    if env::var_os(VICTIM).is_none() {
        return;
    }
    let (Some(redis), Some(memcached), Some(uwsgi), Some(paused)) =
        (shared::redis(), shared::memcached(), shared::uwsgi(), Redis::start())
    else {
        return println!("nothing");
    };
    let (Some(cluster), Some(sentinel)) = (shared::cluster(), shared::sentinel()) else {
        return println!("nothing");
    };
    paused.pause();
    let nodes: [&Node; 7] =
        [redis, memcached.node(0), memcached.node(1), uwsgi, &paused, cluster.node(2), sentinel.sentinel(2)];
    let mut line = "servers".to_owned();
    for node in nodes {
        let pid = node.pid().expect("a process");
        write!(line, " {pid} {}", node.folder().display()).expect("a line");
        for worker in descendants(pid) {
            write!(line, " {worker} {}", node.folder().display()).expect("a line");
        }
    }
    println!("\n{line}");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn no_server_outlives_a_killed_process() {
    let mut victim = this_test("ends::starts_servers_until_it_is_killed")
        .arg("--nocapture")
        .env(VICTIM, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim");
    let lines = BufReader::new(victim.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let found = lines.take_while(|line| line != "nothing").find(|line| line.starts_with("servers "));
    let Some(found) = found else {
        victim.wait().expect("the end of the victim");
        // It has said what is missing.
        assert!(!servers::missing().is_empty());
        return;
    };
    let words: Vec<&str> = found.split(' ').skip(1).collect();
    let servers: Vec<(u32, &Path)> =
        words.chunks(2).map(|pair| (pair[0].parse().expect("a process id"), Path::new(pair[1]))).collect();
    // Seven servers, and four workers of uWSGI.
    assert!(servers.len() >= 11 && servers.iter().all(|(pid, folder)| is_alive(*pid) && folder.exists()));

    victim.kill().expect("SIGKILL");
    victim.wait().expect("the end of the victim");
    let end = Instant::now() + Duration::from_secs(20);
    let survives = |(pid, folder): &(u32, &Path)| is_alive(*pid) || folder.exists();
    while servers.iter().any(survives) {
        assert!(Instant::now() < end, "these survive: {servers:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What runs below without a path to any program.
#[test]
fn needs_a_server() {
    if env::var_os(VICTIM).is_some() {
        assert!(Redis::start().is_none() && shared::redis().is_none());
    }
}

#[test]
fn a_missing_program_is_said() {
    if Path::new("/usr/local/bin/redis-server").exists() {
        return;
    }
    let without = |required: &str| {
        let mut command = this_test("ends::needs_a_server");
        // Captured: what is left out is said all the same.
        command.env("PATH", "/nowhere").env(VICTIM, "yes");
        let output = command.env("CACHEKIT_SERVERS", required).output().expect("the test");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (passes, said) = without("");
    assert!(passes, "{said}");
    assert!(said.contains("left out") && said.contains("redis-server is not installed"), "{said}");
    let (passes, _) = without("required");
    assert!(!passes, "what is required and missing is a failure");
}

#[test]
fn a_shared_server_is_started_once() {
    let (Some(one), Some(other)) = (shared::redis(), shared::redis()) else { return };
    assert_eq!(one.pid(), other.pid());
    let (Some(one), Some(other)) = (shared::redis_tls(), shared::memcached_sasl()) else { return };
    assert_eq!(one.cli(&["PING"]), "PONG");
    assert!(other.lets_in("alice", "secret"));
}
