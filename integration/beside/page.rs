//! The page of `podprobe watch` in a real browser.

use std::ops::Deref;

use nix::sys::signal::Signal;
use serde_json::json;

use super::browser::Browser;
use super::sample::{ADDRESS, Sample};
use crate::world::{Backend, Pod, Rules, Running, Who, World};

/// Every element with a text of its own whose colour stands out less than 4.5 to 1 (WCAG AA).
const PALE: &str = include_str!("contrast.js");
/// What the page has fetched, and from where besides its own server.
const FROM_ELSEWHERE: &str =
    "return performance.getEntriesByType('resource').map(each => each.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith('data:'))";
/// The page is scrolled sideways.
const TOO_WIDE: &str =
    "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
const UNFOLD: &str = "document.querySelectorAll('details').forEach(each => each.open = true)";

/// A watch that ends with its test.
struct Watch(Running);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGKILL);
    }
}

impl Watch {
    fn start(pod: &Pod) -> Watch {
        let every = "--every=link=200ms,route=200ms,redirect=300ms";
        let arguments = [
            "watch",
            "--listen",
            "127.0.0.1:9464",
            "--listeners",
            "bind",
            every,
            "--mesh",
            "istio",
        ];
        Watch(pod.launch(Who::App, &arguments).start())
    }
}

/// A browser before the sample.
struct Before {
    browser: Browser,
    _server: crate::world::Server,
    _pod: Pod,
}

impl Deref for Before {
    type Target = Browser;
    fn deref(&self) -> &Browser {
        &self.browser
    }
}

fn before(sentence: &str) -> Before {
    let pod = World::V4.start();
    let server = Sample::broken(sentence).serve();
    let browser = Browser::start(&pod);
    browser.shape(1280, 900, "light");
    browser.open(&format!("http://{ADDRESS}/"));
    browser.says("Broken: outbound-escaped");
    Before { browser, _server: server, _pod: pod }
}

#[test]
#[ignore = "needs Chromium: make test-beside"]
fn a_watch_shows_the_cause_and_without_a_reload_the_repair_and_its_own_end() {
    let pod = World::DUAL.start();
    let watch = Watch::start(&pod);
    let browser = Browser::start(&pod);
    let listens = || std::net::TcpStream::connect("127.0.0.1:9464").is_ok();
    crate::world::until("watch's listener", listens);
    browser.open("http://127.0.0.1:9464/");
    browser.run("window.loadedOnce = true");
    browser.says("Broken: redirect-missing");
    browser.says("What to do:");
    browser.says("FAIL, cause");
    let title = browser.run("return document.title");
    assert!(title.as_str().is_some_and(|title| title.starts_with('✕')), "{title}");

    pod.load(Backend::Nft, &Rules::istio());
    browser.says("Everything holds");
    let redirect = "return document.querySelector('#layers li:nth-child(3)').innerText";
    assert!(browser.run(redirect).to_string().contains("ok"), "{}", browser.text());
    let changes = browser.run("return document.querySelector('#hour ol').innerText");
    assert!(changes.to_string().contains("redirect"), "{changes}");

    drop(watch);
    browser.says("No answer since");
    let title = browser.run("return document.title").to_string();
    assert!(title.contains("? ") && title.contains("No answer"), "{title}");
    assert_eq!(browser.run("return window.loadedOnce"), true, "it was loaded again");
    assert_eq!(browser.run(FROM_ELSEWHERE), json!([]));
}

#[test]
#[ignore = "needs Chromium: make test-beside"]
fn whoever_gets_a_script_into_the_page_of_a_watch_does_not_get_it_run() {
    let pod = World::V4.start();
    let _watch = Watch::start(&pod);
    let browser = Browser::start(&pod);
    let listens = || std::net::TcpStream::connect("127.0.0.1:9464").is_ok();
    crate::world::until("watch's listener", listens);
    browser.open("http://127.0.0.1:9464/");
    browser.says("Broken");
    browser.run(
        "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.effectiveDirective));
         const script = document.createElement('script'); script.textContent = 'window.ran = 1';
         const image = document.createElement('img'); image.src = 'http://10.77.0.1/spy.png';
         document.body.append(script, image); fetch('http://10.77.0.1/').catch(() => {})",
    );
    let refused =
        "return ['script-src-elem', 'img-src', 'connect-src'].every(d => refused.includes(d))
        ? document.body.append('all refused') : 0";
    crate::world::until("three refusals", || browser.run(refused).is_null());
    assert_eq!(browser.run("return window.ran ?? null"), json!(null));
}

#[test]
#[ignore = "needs Chromium: make test-beside"]
fn a_flow_that_went_astray_is_drawn_to_where_it_went_and_each_layer_has_its_word() {
    let page = before("it is broken");
    let stations = "return [...document.querySelectorAll('#flows .panel')].map(panel =>
        [...panel.querySelector('svg[role]').querySelectorAll('text')].map(text => [text.getAttribute('class'), text.textContent].join(' ')))";
    assert_eq!(
        page.run(stations)[0],
        json!([
            "passed app 65532",
            "passed 192.0.2.1:80",
            "missed expected 15001",
            "went eth0",
            "went 10.244.1.1"
        ])
    );
    page.says("1 more went the same way");
    page.says("outbound 2 flows: what applications send goes to the proxy");
    let words = "return [...document.querySelectorAll('#layers .word')].map(word => word.textContent.trim())";
    let expected = json!(["ok", "warn", "FAIL, cause", "not reached", "unknown", "not looked at"]);
    assert_eq!(page.run(words), expected);
    let shapes = "return new Set([...document.querySelectorAll('#layers .mark')].map(mark => mark.innerHTML)).size";
    assert_eq!(page.run(shapes), 6, "shapes that differ without colours");
    page.says("overdue");
    let bars =
        "return [...document.querySelectorAll('#hour .strip:nth-child(3) rect:not(.ground)')]
        .map(bar => bar.getAttribute('class') + bar.getAttribute('height'))";
    assert_eq!(page.run(bars), json!(["ok5", "fail20"]));
}

#[test]
#[ignore = "needs Chromium: make test-beside"]
fn foreign_text_is_shown_as_text_and_runs_nothing() {
    let foreign = "<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>";
    let page = before(foreign);
    page.run(UNFOLD);
    page.says(foreign);
    let shown = page.text().matches("onerror").count();
    assert!(shown >= 8, "shown {shown} times:\n{}", page.text());
    assert_eq!(page.run("return document.querySelectorAll('img, body script').length"), 0);
    assert_eq!(page.run("return window.ran ?? null"), json!(null));
}

#[test]
#[ignore = "needs Chromium: make test-beside"]
fn it_is_readable_on_a_narrow_phone_by_day_and_by_night() {
    let page = before(&format!("a-name-without-a-space-{}", "x".repeat(80)));
    page.run(UNFOLD);
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        for width in [360, 390, 1280] {
            page.shape(width, 800, scheme);
            assert_eq!(page.run(TOO_WIDE), false, "{width} pixels");
            assert_eq!(page.run(PALE), json!([]), "{scheme}, {width} pixels");
        }
        grounds.push(page.run("return getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1], "light and dark");
}

#[test]
#[ignore = "needs Chromium: make test-beside"]
fn what_was_unfolded_and_in_focus_stays_so_and_the_verdict_is_read_aloud() {
    let page = before("it is broken");
    page.run("const first = document.querySelector('#flows details'); first.open = true;
              first.firstChild.focus(); first.dataset.old = 'yes'; window.asked = performance.getEntriesByType('resource').length");
    // A new width draws the pictures again.
    page.shape(500, 900, "light");
    let again = "return document.querySelector('#flows details').dataset.old === undefined";
    crate::world::until("the flows drawn again", || page.run(again) == true);
    assert_eq!(page.run("return document.querySelector('#flows details').open"), true);
    assert_eq!(page.run("return document.activeElement.tagName"), "SUMMARY");
    let live = "return document.getElementById('verdict').getAttribute('aria-live')";
    assert_eq!(page.run(live), "polite");
}
