//! The page in a browser: an operator reads it and forgets a function.

use std::path::Path;

use axum::Router;
use cachekit::stats_page::StatsPage;
use cachekit::{Cache, memoize};
use cachekit_web_tests::start_axum;

use crate::driver::{Browser, find};

#[memoize(cache = "browser")]
fn a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone(number: u64) -> u64 {
    std::thread::sleep(std::time::Duration::from_millis(2));
    number * 2
}

/// The figures of the function, as the page shows them: their names and values.
const FIGURES: &str = "const all = {}; for (const pair of document.querySelectorAll('[data-function*=quite_a_long] dl > div')) \
                       all[pair.querySelector('dt').textContent] = pair.querySelector('dd').textContent; return all;";

#[tokio::test]
async fn an_operator_reads_figures_and_forgets_a_function() {
    let Some(programs) = find() else { return };
    cachekit::install_named("browser", Cache::builder().build()).expect("a name of its own");
    let page = StatsPage::new().title("Shop").guard(|_| true);
    let address = start_axum(Router::new().route_service("/cache", page)).await;
    for number in [1, 2, 3, 1, 1, 2] {
        a_function_with_quite_a_long_name_that_does_not_fit_on_a_phone(number);
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

    // It looks right on a phone and on a desk, and without colours.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for width in [390, 1280] {
        browser.width(width).await;
        let wide = browser.run("return document.documentElement.scrollWidth").await;
        assert_eq!(wide.as_u64(), Some(u64::from(width)), "nothing stands out");
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
    let loaded = browser.run("return performance.getEntriesByType('resource').filter(r => !r.name.includes('format=json') && !r.name.includes('forget=')).length").await;
    assert_eq!(loaded.as_u64(), Some(0), "it loads nothing but its own figures");
    browser.quit().await;
}
