//! `cargo xtask servers`: what the tests start must be installed; what is not, is installed now.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::run::{output, run as run_command};

/// The packages, by their Debian names, and how one sees that they are there.
const PACKAGES: [(&str, Sign); 10] = [
    ("redis-server", Sign::Program("redis-server")),
    ("redis-tools", Sign::Program("redis-cli")),
    ("redis-sentinel", Sign::Program("redis-sentinel")),
    ("memcached", Sign::Program("memcached")),
    ("sasl2-bin", Sign::Program("saslpasswd2")),
    ("libsasl2-modules", Sign::SaslPlugin("libplain.so")),
    // Debian's has the cache plugin, as a file beside it; others are built with it.
    ("uwsgi-core", Sign::Uwsgi),
    ("openssl", Sign::Program("openssl")),
    // The browser that the page of statistics is driven in.
    ("chromium", Sign::Program("chromium")),
    ("chromium-driver", Sign::Program("chromedriver")),
];

#[derive(Clone, Copy)]
enum Sign {
    Program(&'static str),
    SaslPlugin(&'static str),
    Uwsgi,
}

/// Folders of programs that an ordinary user's `PATH` often lacks.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// What Debian's packages ask before they start their services, and the answer that forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const FORBIDDEN: i32 = 101;
const OURS: &str = "# Made by `cargo xtask servers`, which removes it when it is done.";

/// Installs what is missing. Starts nothing, and leaves alone what runs.
pub(crate) fn run() -> Outcome {
    let missing = missing();
    if missing.is_empty() {
        println!("servers: all are installed: {}", PACKAGES.map(|(name, _)| name).join(", "));
        return Ok(());
    }
    println!("servers: these are missing: {}", missing.join(", "));
    install("servers", &missing)?;
    let missing = self::missing();
    if missing.is_empty() {
        println!(
            "servers: all are installed; the next start of this machine may start services of these packages"
        );
        return Ok(());
    }
    Err(format!("apt-get was content, but these are still missing: {}", missing.join(", ")))
}

/// Installs Debian's packages of these names. Starts none of their services.
pub(crate) fn install(who: &str, packages: &[&str]) -> Outcome {
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if find("apt-get").is_none() {
        return Err(format!(
            "there is no apt-get here; install what this system calls {} (memcached with SASL, uWSGI with its cache plugin), \
             and run this again",
            packages.join(", ")
        ));
    }
    let root = Root::become_root(&by_hand)?;
    println!("{who}: installing them with apt-get; none of their services is started");
    let policy = Policy::forbid(&root, &by_hand)?;
    run_command(&mut root.command("apt-get update"))?;
    let words = "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends";
    run_command(root.command(words).args(packages))?;
    policy.lift()
}

/// The packages that are not there.
fn missing() -> Vec<&'static str> {
    let is_missing = |sign: Sign| match sign {
        Sign::Program(name) => find(name).is_none(),
        Sign::SaslPlugin(name) => !has_sasl_plugin(name),
        Sign::Uwsgi => !has_uwsgi(),
    };
    PACKAGES.iter().filter(|(_, sign)| is_missing(*sign)).map(|(name, _)| *name).collect()
}

/// The file of a program.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn has_sasl_plugin(name: &str) -> bool {
    let below = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let folders = below("/usr/lib").into_iter().chain(["/usr/lib", "/usr/lib64"].map(PathBuf::from));
    folders.map(|folder| folder.join("sasl2").join(name)).any(|path| path.exists())
}

fn has_uwsgi() -> bool {
    let candidates: [&[&str]; 3] =
        [&["uwsgi-core", "--plugin", "cache"], &["uwsgi"], &["uwsgi", "--plugin", "cache"]];
    candidates.iter().any(|words| {
        let Some(program) = find(words[0]) else { return false };
        let Ok(output) = Command::new(program).args(&words[1..]).arg("--plugin-list").output() else {
            return false;
        };
        let printed = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&printed).lines().any(|line| line.trim() == "111: cache")
    })
}

/// How commands are run that only root may run.
struct Root {
    prefix: &'static [&'static str],
}

impl Root {
    fn become_root(by_hand: &str) -> Result<Self, String> {
        if output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0") {
            return Ok(Self { prefix: &[] });
        }
        let sudo = find("sudo").and_then(|sudo| output(Command::new(sudo).args(["-n", "true"])).ok());
        match sudo {
            Some(_) => Ok(Self { prefix: &["sudo", "-n"] }),
            None => Err(format!(
                "only root can install them, and there is no sudo, or it wants a password: run `{by_hand}` as root"
            )),
        }
    }

    fn command(&self, words: &str) -> Command {
        let mut words = self.prefix.iter().copied().chain(words.split_whitespace());
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

/// Sees to it that the packages' services are not started while it lives.
struct Policy<'a> {
    root: &'a Root,
    is_ours: bool,
}

impl<'a> Policy<'a> {
    /// Uses the policy of this machine where it has one that forbids it, and one for the time being where it has none.
    fn forbid(root: &'a Root, by_hand: &str) -> Result<Self, String> {
        let mut own = Self { root, is_ours: false };
        if Path::new(POLICY).exists() {
            // Also ours, if we were killed before we could remove it.
            own.is_ours = fs::read_to_string(POLICY).is_ok_and(|text| text.contains(OURS));
            let answer = Command::new(POLICY).args(["redis-server", "start"]).output();
            let forbids = answer.is_ok_and(|answer| answer.status.code() == Some(FORBIDDEN));
            return if forbids {
                Ok(own)
            } else {
                Err(format!(
                    "{POLICY} lets services start, and it is not ours to change; decide yourself: `{by_hand}`"
                ))
            };
        }
        println!("servers: {POLICY} is made for the time being, so that no service is started");
        let text = format!("#!/bin/sh\\n{OURS}\\nexit {FORBIDDEN}\\n");
        let write = r#"printf "$1" >"$2" && chmod 755 "$2""#;
        own.is_ours = true;
        run_command(root.command("sh -c").args([write, "sh", &text, POLICY])).map(|()| own)
    }

    fn lift(mut self) -> Outcome {
        self.remove()
    }

    fn remove(&mut self) -> Outcome {
        if !std::mem::take(&mut self.is_ours) {
            return Ok(());
        }
        run_command(self.root.command("rm -f").arg(POLICY))
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        if let Err(message) = self.remove() {
            eprintln!("servers: {POLICY} is still there: {message}");
        }
    }
}
