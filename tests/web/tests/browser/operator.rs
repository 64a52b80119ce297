//! The page in a browser: an operator reads it and forgets a function.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use cachekit::stats_page::StatsPage;
use cachekit::testing::Faulty;
use cachekit::{Cache, SimpleCache, memoize};
use cachekit_web_tests::start_axum;

use crate::driver::{Browser, find};

#[memoize(cache = "browser")]
fn a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone(number: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(2));
    number * 2
}

#[memoize(cache = "browser", tags = ["numbers", "number:{number}"], tags_from = |_| ["by value"])]
fn tagged(number: u64) -> u64 {
    number * 3
}

#[memoize(cache = "behind a server")]
fn behind(number: u64) -> u64 {
    number * 5
}

/// The figures of the function, as the page shows them: their names and values.
const FIGURES: &str = "const all = {}; for (const pair of document.querySelectorAll('[data-function*=quite_a_long] dl > div')) \
                       all[pair.querySelector('dt').textContent] = pair.querySelector('dd').textContent; return all;";

#[tokio::test]
async fn an_operator_reads_figures_and_forgets_a_function() {
    let Some(programs) = find() else { return };
    cachekit::install_named("browser", Cache::builder().build()).expect("a name of its own");
    let faulty = Faulty::new(SimpleCache::new());
    let far = Cache::builder().backend(faulty.clone()).build();
    cachekit::install_named("behind a server", far).expect("a name of its own");
    let page = StatsPage::new().title("Shop").guard(|_| true);
    let address = start_axum(Router::new().route_service("/cache", page)).await;
    for number in [1, 2, 3, 1, 1, 2] {
        a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone(number);
    }
    for number in [1, 2, 2] {
        tagged(number);
        behind(number);
    }
    let mut browser = Browser::start(programs).await;
    browser.open(&format!("http://{address}/cache")).await;
    let figures = browser.run(FIGURES).await;
    assert_eq!(
        (&figures["hits"], &figures["misses"], &figures["entries"]),
        (&"3".into(), &"3".into(), &"3".into())
    );
    assert_eq!((&figures["hit ratio"], &figures["errors"]), (&"50.0 %".into(), &"0".into()));
    assert!(
        figures["time saved"].as_str().is_some_and(|saved| saved.ends_with(" ms") || saved.ends_with(" s"))
    );

    // It refreshes itself.
    a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone(1);
    browser.wait(&format!("const figures = (() => {{ {FIGURES} }})(); return figures.hits === '4';")).await;

    // How servers do, and the hit ratio over time, once there are two samples of it.
    let server = "return document.querySelector('[data-cache-name=\"behind a server\"] [data-server=faulty]').textContent";
    let said = browser.run(server).await;
    assert!(
        said.as_str().is_some_and(|said| said.contains("breaker closed") && !said.contains("(!)")),
        "{said}"
    );
    faulty.fail(true);
    behind(3);
    browser.wait(&format!("return (() => {{ {server} }})().includes('breaker open') && (() => {{ {server} }})().includes('(!)');")).await;
    for _ in 0..60 {
        a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone(1);
        let chart = "return document.querySelector('[data-function*=quite_a_long] figcaption')?.textContent";
        if browser.run(chart).await.as_str().is_some_and(|said| said.contains("now 100.0 %")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let lines = browser
        .run("return document.querySelectorAll('[data-function*=quite_a_long] svg polyline').length")
        .await;
    assert!(lines.as_u64() > Some(0), "the hit ratio over time");

    // It looks right on a phone and on a desk, and without colours.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for width in [390, 1280] {
        browser.width(width).await;
        let out = browser
            .run("const page = document.documentElement; return page.scrollWidth - page.clientWidth")
            .await;
        assert_eq!(out.as_i64(), Some(0), "nothing stands out");
        let small = browser
            .run("return [...document.querySelectorAll('button')].filter(b => b.offsetHeight < 32 || b.offsetWidth < 44).length")
            .await;
        assert_eq!(small.as_u64(), Some(0), "a finger finds every button");
        assert!(browser.picture(&folder.join(format!("stats-{width}.png.base64"))).await > 1000);
    }
    browser.without_colours().await;
    assert!(browser.picture(&folder.join("stats-grey.png.base64")).await > 1000);
    let colours = browser
        .run("return new Set([...document.querySelectorAll('body *')].map(e => getComputedStyle(e).color)).size")
        .await;
    assert_eq!(colours.as_u64(), Some(1), "nothing is said by colour");

    // Forgetting asks first.
    let button = "[data-function*=quite_a_long] button";
    browser.click(button).await;
    let stats = a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone::stats();
    assert_eq!(stats.entries, Some(3), "the first click asks");
    browser.click(button).await;
    browser
        .wait(&format!("const figures = (() => {{ {FIGURES} }})(); return figures.entries === '0';"))
        .await;
    let said = browser.run("return document.getElementById('state').textContent").await;
    assert!(said.as_str().is_some_and(|said| said.starts_with("forgotten: ")), "{said}");
    assert_eq!(a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone::peek(1), None);

    // A tag, written into a field: what has it is gone, the rest stays.
    let shown =
        browser.run("return document.querySelector('[data-function$=tagged] .tags').textContent").await;
    assert_eq!(shown.as_str(), Some("tags: numbers, number:{number}, by value"));
    for (tag, left) in [("number:1", [false, true]), ("numbers", [false, false])] {
        browser.write("input[data-cache=browser]", tag).await;
        browser.click("[data-forget-tag=browser]").await;
        let done =
            format!("return document.getElementById('state').textContent === 'forgotten: the tag {tag}'");
        browser.wait(&done).await;
        assert_eq!([tagged::peek(1).is_some(), tagged::peek(2).is_some()], left, "{tag}");
    }
    let loaded = browser.run("return performance.getEntriesByType('resource').filter(r => !r.name.includes('format=json') && !r.name.includes('forget=')).length").await;
    assert_eq!(loaded.as_u64(), Some(0), "it loads nothing but its own figures");
    browser.quit().await;
}
