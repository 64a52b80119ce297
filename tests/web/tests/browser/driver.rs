//! A headless Chromium, driven over `WebDriver`.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cachekit_web_tests::Client;
use serde_json::{Value, json};

/// The programs, or `None` where they are missing: then the test is left out, and that is printed. With
/// `CACHEKIT_SERVERS=required` it fails.
pub(crate) fn find() -> Option<(PathBuf, PathBuf)> {
    let find = |names: &[&str]| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        folders
            .iter()
            .flat_map(|folder| names.iter().map(|name| folder.join(name)))
            .find(|file| file.is_file())
    };
    let found = find(&["chromium", "chromium-browser", "google-chrome"]).zip(find(&["chromedriver"]));
    if found.is_none() {
        let what = "chromium and chromedriver are missing; `cargo xtask servers` installs them";
        assert!(std::env::var("CACHEKIT_SERVERS").as_deref() != Ok("required"), "{what}");
        // Not `eprintln!`, which libtest keeps to itself.
        drop(writeln!(std::io::stderr(), "left out: the page of statistics in a browser: {what}"));
    }
    found
}

/// A browser with one window.
pub(crate) struct Browser {
    driver: Child,
    client: Client,
    session: String,
    profile: PathBuf,
}

impl Browser {
    pub(crate) async fn start((chromium, driver): (PathBuf, PathBuf)) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let profile = std::env::temp_dir().join(format!("cachekit-browser-{}-{port}", std::process::id()));
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let address = ([127, 0, 0, 1], port).into();
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let client = Client::connect(address).await;
        let mut browser = Self { driver, client, session: String::new(), profile };
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--user-data-dir={}", browser.profile.display()));
        let options = json!({ "binary": chromium, "args": arguments });
        let body = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.ask("POST", "/session", &body).await;
        let id = session["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {session}"));
        id.clone_into(&mut browser.session);
        browser
    }

    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let fields = [("content-type", "application/json")];
        let reply = self.client.send(method, path, &fields, &body).await;
        let mut json: Value =
            serde_json::from_str(reply.text()).unwrap_or_else(|_| panic!("{path}: {}", reply.text()));
        assert!(reply.status.is_success(), "{path}: {json}");
        json["value"].take()
    }

    async fn command(&mut self, path: &str, body: Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.ask("POST", &path, &body).await
    }

    pub(crate) async fn open(&mut self, url: &str) {
        self.command("/url", json!({ "url": url })).await;
    }

    /// What a script returns.
    pub(crate) async fn run(&mut self, script: &str) -> Value {
        self.command("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until a script returns something true.
    pub(crate) async fn wait(&mut self, script: &str) -> Value {
        for _ in 0..300 {
            let value = self.run(script).await;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it did not come to be: {script}")
    }

    /// Clicks what a CSS selector finds first.
    pub(crate) async fn click(&mut self, selector: &str) {
        let id = self.element(selector).await;
        self.command(&format!("/element/{id}/click"), json!({})).await;
    }

    /// Writes into what a CSS selector finds first, key by key.
    pub(crate) async fn write(&mut self, selector: &str, text: &str) {
        let id = self.element(selector).await;
        self.command(&format!("/element/{id}/value"), json!({ "text": text })).await;
    }

    async fn element(&mut self, selector: &str) -> String {
        let element = self.command("/element", json!({ "using": "css selector", "value": selector })).await;
        let id = element.as_object().and_then(|all| all.values().next()).and_then(Value::as_str);
        id.expect("an element").to_owned()
    }

    /// Makes the viewport this wide, as a phone's is.
    pub(crate) async fn width(&mut self, width: u32) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        let body = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
        self.command("/goog/cdp/execute", body).await;
    }

    /// Shows the page without colours, as to somebody who sees none.
    pub(crate) async fn without_colours(&mut self) {
        let params = json!({ "type": "achromatopsia" });
        let body = json!({ "cmd": "Emulation.setEmulatedVisionDeficiency", "params": params });
        self.command("/goog/cdp/execute", body).await;
    }

    /// Writes a picture of the whole page, as base64 text that a person can decode, and gives its length.
    pub(crate) async fn picture(&mut self, file: &Path) -> usize {
        let params = json!({ "captureBeyondViewport": true, "format": "png" });
        let body = json!({ "cmd": "Page.captureScreenshot", "params": params });
        let picture = self.command("/goog/cdp/execute", body).await;
        let text = picture["data"].as_str().unwrap_or_default();
        std::fs::write(file, text).expect("the picture can be written");
        text.len()
    }

    pub(crate) async fn quit(mut self) {
        let path = format!("/session/{}", self.session);
        self.ask("DELETE", &path, &Value::Null).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.driver.kill());
        drop(self.driver.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}
