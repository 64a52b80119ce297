//! Requests by chance: whatever is cached, each client gets what the service would have answered it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cachekit::http::ResponseCacheBuilder;
use cachekit_web_tests::{Answer, Asked, Client, World, everywhere_with};

const REQUESTS: usize = 300;
/// Paths, each of a kind of its own.
const PATHS: usize = 8;

/// Numbers by chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).unwrap_or(0)
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// What the service knows of a request.
struct Seen<'a> {
    target: &'a str,
    field: &'a dyn Fn(&str) -> String,
}

fn kind(target: &str) -> usize {
    let path = target.split('?').next().unwrap_or_default();
    path.trim_start_matches("/p").parse().unwrap_or(0)
}

/// What the service says, and which fields it says so: a function of the request, and of how often the path was changed.
fn render(seen: &Seen<'_>, version: usize) -> (String, Vec<(&'static str, String)>) {
    let field = seen.field;
    let mut query: Vec<&str> =
        seen.target.split_once('?').map_or("", |(_, query)| query).split('&').collect();
    query.sort_by_key(|pair| pair.split('=').next().map(str::to_owned));
    let place = format!("{} {} {version}", field("host").to_lowercase(), query.join("&"));
    let language = field("accept-language").trim().to_lowercase();
    let (a, b, user) = (field("x-a"), field("x-b"), field("x-user"));
    let vary = |names: &str| ("vary", names.to_owned());
    let (own, fields) = match kind(seen.target) {
        1 => (language, vec![vary("Accept-Language")]),
        2 => (format!("{a}|{b}"), vec![vary("x-b"), vary("X-A , x-b")]),
        3 => (user, vec![("cache-control", "max-age=60, Private".to_owned())]),
        4 => (user.clone(), vec![("set-cookie", user)]),
        // What it varies by depends on the request.
        5 if a == "1" => (format!("{a}|{b}"), vec![vary("x-a, x-b")]),
        5 => (a, vec![vary("x-a")]),
        6 => (user, vec![vary("accept, *")]),
        7 => (field("authorization"), Vec::new()),
        _ => (String::new(), Vec::new()),
    };
    (format!("{place} [{own}]"), fields)
}

fn service(versions: Arc<[AtomicUsize; PATHS]>) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    move |asked| {
        let version = &versions[kind(&asked.target)];
        if asked.method == "POST" {
            version.fetch_add(1, SeqCst);
        }
        let seen = Seen { target: &asked.target, field: &|name| asked.header(name).to_owned() };
        let (text, fields) = render(&seen, version.load(SeqCst));
        let answer = Answer::text(text);
        fields.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
    }
}

async fn ask(client: &mut Client, chance: &mut Chance, versions: &[AtomicUsize; PATHS]) {
    let path = chance.below(PATHS);
    let query = chance.of(&["", "", "", "?x=1&y=2", "?y=2&x=1", "?x=2&x=1", "?x=1&x=2", "?%78=1&x=2"]);
    let target = format!("/p{path}{query}");
    let mut fields = vec![("host", chance.of(&["one", "one", "one", "one", "ONE", "two"]))];
    for (name, values) in [
        ("accept-language", &["de", "DE ", "en", "de, en", "en, de", ""][..]),
        ("x-a", &["0", "1", ""]),
        ("x-b", &["0", "1", "0&1:1"]),
        ("x-user", &["ada", "bob"]),
        ("authorization", &["Bearer ada", "Bearer bob"]),
    ] {
        if chance.below(if name == "authorization" { 8 } else { 4 }) == 0 {
            fields.push((name, chance.of(values)));
        }
    }
    let method = match chance.below(30) {
        0 => "POST",
        1..=3 => "HEAD",
        _ => "GET",
    };
    let reply = client.send(method, &target, &fields, "").await;
    let field = |name: &str| {
        let own = fields.iter().find(|(own, _)| *own == name);
        // As it comes over the wire.
        own.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let (expected, own) = render(&Seen { target: &target, field: &field }, versions[path].load(SeqCst));
    let what = format!("{method} {target} {fields:?}: {:?}", reply.headers);
    if method == "HEAD" {
        assert_eq!(reply.header("content-length"), Some(&*expected.len().to_string()), "{what}");
    } else {
        assert_eq!(reply.text(), expected, "{what}");
    }
    for (name, value) in own.iter().filter(|(name, _)| *name == "set-cookie") {
        assert_eq!(reply.header(name), Some(&**value), "{what}");
    }
}

#[test]
fn everybody_gets_what_the_service_would_have_answered() {
    let versions: Arc<[AtomicUsize; PATHS]> = Arc::default();
    let small = |builder: ResponseCacheBuilder| builder.max_variants(2).max_entries(30);
    for settings in [|builder: ResponseCacheBuilder| builder, small] {
        everywhere_with(settings, service(Arc::clone(&versions)), async |w: World| {
            let (mut client, mut chance) = (w.client().await, Chance(7));
            for _ in 0..REQUESTS {
                ask(&mut client, &mut chance, &versions).await;
                if chance.below(40) == 0 {
                    w.pass(25);
                }
            }
            let stats = w.pages.stats();
            assert!(stats.hits > 10 && stats.bypasses > 30, "{stats:?}");
        });
    }
}
