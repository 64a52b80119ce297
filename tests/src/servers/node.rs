//! One server process, and the shell that sees to its end.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::files::unprivileged;
use super::waiting::{PATIENCE, until};
use super::{Port, programs};

/// Starts and kills the server as it is told, and is its parent: until it has waited for it, the process id is nobody
/// else's. When the test process is gone, however it ended, so is the pipe that is read here.
///
/// The server leads a process group of its own, so that its workers end with it.
const GUARD: &str = r#"
folder=$1 log=$2; shift 2; cd "$folder"; pid=
end() { [ -z "$pid" ] || { kill -s KILL -- "-$pid" "$pid"; wait "$pid"; pid=; }; }
while read -r word; do
  case $word in
    start) setsid "$@" </dev/null >>"$log" 2>&1 & pid=$!; echo "$pid";;
    kill) end; echo gone;;
  esac
done
end
cd /; rm -rf -- "$folder"
"#;

/// Whether a server that was started answers yet.
pub(super) type Ready = Box<dyn Fn(&Node) -> bool + Send + Sync>;

/// A server process: where it is, and what can be done to it. When dropped it is killed and its folder removed.
pub struct Node {
    name: &'static str,
    port: Port,
    ready: Ready,
    // Before the folder: the guard must be done with it first.
    guard: Mutex<Guard>,
    folder: TempDir,
}

/// What a server is started with.
pub(super) struct Launch {
    /// The program and its arguments.
    pub(super) words: Vec<String>,
    /// Variables of its environment.
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Node {
    /// Starts a server in that folder, on that port, and waits until it is ready.
    pub(super) fn start(
        name: &'static str,
        folder: TempDir,
        port: Port,
        launch: &Launch,
        ready: impl Fn(&Self) -> bool + Send + Sync + 'static,
    ) -> Self {
        let guard = Guard::new(folder.path(), launch);
        let node = Self { name, port, ready: Box::new(ready), guard: Mutex::new(guard), folder };
        node.guard().start();
        node.wait_until_ready();
        node
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `127.0.0.1` and its port.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The id of its process, which leads a process group; `None` after it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.guard().pid.and_then(|pid| pid.try_into().ok())
    }

    /// The folder that it may write to.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        let text = fs::read(log(self.folder.path())).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Kills it (`SIGKILL`), with all its workers, and returns when the process is gone.
    ///
    /// # Panics
    ///
    /// If somebody else answers on its port.
    pub fn kill(&self) {
        assert!(self.is_killed(), "{self:?} is dead, but its port accepts connections");
    }

    /// Starts it again, empty, on the same port, and returns when it is ready; kills it first if it is running.
    ///
    /// # Panics
    ///
    /// If it does not get ready.
    pub fn restart(&self) {
        self.kill();
        self.guard().start();
        self.wait_until_ready();
    }

    /// Stops it (`SIGSTOP`): its port still accepts connections, but nothing is answered.
    ///
    /// # Panics
    ///
    /// If it is not running.
    pub fn pause(&self) {
        let guard = self.guard();
        guard.signal(libc::SIGSTOP);
        until(PATIENCE, || guard.has_stopped().then_some(()));
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Panics
    ///
    /// If it is not running.
    pub fn resume(&self) {
        self.guard().signal(libc::SIGCONT);
    }

    /// A raw connection, on which reading and writing give up after 5 s.
    ///
    /// # Panics
    ///
    /// If it does not accept one.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address(), Duration::from_secs(5))
            .unwrap_or_else(|error| panic!("{self:?} does not accept a connection: {error}"));
        let limit = Some(Duration::from_secs(5));
        stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).expect("timeouts");
        stream
    }

    /// Kills it; whether its port is free then.
    fn is_killed(&self) -> bool {
        self.guard().kill();
        // Its workers end with it, but are not waited for.
        until(PATIENCE, || TcpStream::connect(self.address()).is_err().then_some(())).is_some()
    }

    fn wait_until_ready(&self) {
        let ready = until(PATIENCE, || (self.ready)(self).then_some(()));
        assert!(ready.is_some(), "{self:?} did not get ready; it printed:\n{}", self.log());
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("port", &self.port())
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.is_killed();
    }
}

/// The shell beside a server.
struct Guard {
    shell: Child,
    // An `Option` only to be closed before the shell is waited for.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: Option<libc::pid_t>,
}

impl Guard {
    fn new(folder: &Path, launch: &Launch) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args([folder, &log(folder)])
            .args(privileges_dropped())
            .args(&launch.words)
            .envs(launch.variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Whoever reads what the tests print must not wait for a guard.
            .stderr(Stdio::null())
            // What a terminal sends to the tests must not reach it: it has to outlive them.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let words = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("the shell's output is piped"));
        Self { shell, words, answers, pid: None }
    }

    fn start(&mut self) {
        self.pid = Some(self.ask("start").parse().expect("a process id"));
    }

    fn kill(&mut self) {
        if self.pid.take().is_some() {
            assert_eq!(self.ask("kill"), "gone");
        }
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = self.pid.expect("a server that is running");
        // SAFETY: a call without memory. The process leads its group, and is the guard's child, which waits for it only
        // when it is told to kill it, so that the id is still its own.
        assert_eq!(unsafe { libc::kill(-pid, signal) }, 0, "process group {pid} cannot be signalled");
    }

    /// Whether every thread of its processes has stopped: a signal takes a moment to reach those that run.
    fn has_stopped(&self) -> bool {
        let group = self.pid.expect("a server that is running").to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let tasks = processes.filter_map(|process| fs::read_dir(process.path().join("task")).ok());
        tasks.flatten().flatten().all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // After the name, which is in parentheses: state, parent, process group.
            let words: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            words.get(2) != Some(&group.as_str()) || words[0] == "T"
        })
    }

    fn ask(&mut self, word: &str) -> String {
        let pipe = self.words.as_mut().expect("a guard until it is dropped");
        writeln!(pipe, "{word}").expect("a guard that listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("a guard that answers");
        answer.trim_end().to_owned()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.words.take());
        let _ = self.shell.wait();
    }
}

/// What stands before the words of a server so that it runs without privileges.
fn privileges_dropped() -> Vec<String> {
    let Some((user, group)) = unprivileged() else { return Vec::new() };
    let setpriv = programs::find("setpriv").unwrap_or_else(|| "setpriv".into());
    let words = [format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()];
    [setpriv.to_string_lossy().into_owned()].into_iter().chain(words).collect()
}

fn log(folder: &Path) -> PathBuf {
    folder.join("server.log")
}
