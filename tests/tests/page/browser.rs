//! The page in headless Chromium, driven by `page/browser.mjs`.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use synckit::page::HubPage;
use synckit::{Hub, Replica};

use super::{fill, guarded, open_till, replica, shown, sync};

/// Names of the browser.
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A browser, until it is dropped.
struct Browser {
    node: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The place of a program in the PATH.
fn found(name: &str) -> Option<PathBuf> {
    let folders = env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>();
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Node.js, Chromium and the folder of packages; the reason where one lacks.
fn needed() -> Result<(PathBuf, PathBuf, PathBuf), String> {
    let node = found("node").ok_or("there is no `node` in the PATH")?;
    let chromium = env::var_os("SYNCKIT_CHROMIUM").map(PathBuf::from);
    let chromium = chromium.or_else(|| CHROMIUM.into_iter().find_map(found));
    let chromium = chromium.ok_or("there is no `chromium` in the PATH; install the package")?;
    let modules = env::var_os("SYNCKIT_NODE_MODULES").map(PathBuf::from);
    let modules = modules.filter(|at| at.join("node_modules/playwright-core").is_dir()).ok_or(
        "SYNCKIT_NODE_MODULES names no folder with the packages playwright-core and axe-core; \
         `npm install --prefix FOLDER playwright-core axe-core` makes one",
    )?;
    Ok((node, chromium, modules))
}

impl Browser {
    /// Starts one; `None`, and a word about it, if that is impossible and the environment does not insist
    /// on it.
    fn start() -> Option<Self> {
        let (node, chromium, modules) = match needed() {
            Ok(needed) => needed,
            Err(why) => {
                let required =
                    env::var_os("SYNCKIT_REQUIRE_SERVICES").is_some_and(|set| set == "1");
                assert!(!required, "SYNCKIT_REQUIRE_SERVICES=1, but {why}");
                // Past the test harness, which keeps what tests print to itself.
                let told = format!("\nSKIPPED: the page was not tried in a browser; {why}\n\n");
                io::stderr().write_all(told.as_bytes()).unwrap();
                return None;
            }
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/browser.mjs");
        let mut command = Command::new(node);
        command.arg(script).env("SYNCKIT_NODE_MODULES", modules).env("SYNCKIT_CHROMIUM", chromium);
        let mut node = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(node.stdout.take().unwrap());
        let mut browser = Self { orders: node.stdin.take(), node, answers };
        assert_eq!(browser.answer()["ready"], true);
        Some(browser)
    }

    /// Has it do something, where nothing else waits meanwhile.
    fn does(&mut self, order: &str, with: Value) -> Value {
        let mut line = with;
        line["order"] = order.into();
        tokio::task::block_in_place(|| {
            writeln!(self.orders.as_ref().unwrap(), "{line}").unwrap();
            let answer = self.answer();
            assert_eq!(answer["error"], Value::Null, "{line}");
            answer
        })
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the browser said {line:?}"))
    }

    fn open(&mut self, url: &str) {
        assert_eq!(self.does("open", json!({ "url": url }))["status"], 200);
    }

    fn until(&mut self, js: &str) {
        self.does("until", json!({ "js": js }));
    }

    fn run(&mut self, js: &str) -> Value {
        self.does("run", json!({ "js": js }))["value"].take()
    }

    fn text(&mut self, of: &str) -> String {
        self.does("text", json!({ "of": of }))["value"].as_str().unwrap().to_owned()
    }

    fn click(&mut self, on: &str) {
        self.does("click", json!({ "on": on }));
    }

    fn press(&mut self, key: &str) {
        self.does("press", json!({ "key": key }));
    }

    /// Checks that nothing went wrong in the page, and that axe-core finds nothing serious.
    fn is_sound(&mut self) {
        let found = self.does("axe", json!({}));
        assert_eq!(found["serious"], json!([]), "{found}");
        assert_eq!(self.does("problems", json!({}))["value"], json!([]));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The script ends when it gets no more orders, and takes the browser with it.
        drop(self.orders.take());
        let _ = self.node.wait();
    }
}

const ROWS: &str = "document.querySelectorAll('#rows tr').length";

/// Two who edit the title of a till without having seen each other's edit.
async fn disagree(ann: &Replica, bob: &Replica, hub: &Hub) {
    let till = open_till(ann, "bread").await;
    for replica in [ann, bob] {
        sync(replica, hub).await;
    }
    ann.edit(&till, |it| it.title.set("<script>document.title = 'taken'</script>")).await.unwrap();
    bob.edit(&till, |it| it.title.set("<img src=x onerror=alert(1)>")).await.unwrap();
    for replica in [ann, bob, ann] {
        sync(replica, hub).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_fills_while_events_flow_and_shows_a_conflict_and_markup_as_text() {
    let Some(mut browser) = Browser::start() else { return };
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica("north").await, replica("north").await);
    let page = shown(&hub).await;
    browser.open(&page.url());
    assert_eq!(browser.text("#connection"), "no space here is open to you yet");

    disagree(&ann, &bob, &hub).await;
    browser.until("document.querySelector('#connection').textContent === 'live'");
    browser.until(&format!("{ROWS} >= 4"));
    browser.until("document.querySelectorAll('.conflict .edit').length === 2");
    let conflict = browser.text(".conflict");
    assert!(conflict.contains("<script>") && conflict.contains("<img src=x"), "{conflict}");
    assert!(browser.text("#rows").contains("<script>document.title = 'taken'</script>"));
    assert_eq!(browser.run("document.querySelectorAll('main script, main img').length"), 0);
    assert_eq!(browser.run("document.title"), "synckit hub");
    browser.is_sound();

    let shown = browser.run(ROWS).as_u64().unwrap();
    let soup = open_till(&ann, "soup").await;
    sync(&ann, &hub).await;
    browser.until(&format!("{ROWS} > {shown}"));

    // By the keyboard alone: search, pause, go on.
    browser.press("/");
    assert_eq!(browser.does("focused", json!({}))["value"], "search");
    browser.does("fill", json!({ "into": "#search", "text": "SOUP" }));
    browser.until(&format!("{ROWS} === 1"));
    browser.does("fill", json!({ "into": "#search", "text": "" }));
    browser.until(&format!("{ROWS} > {shown}"));
    browser.run("document.activeElement.blur()");
    browser.press("p");
    browser.until("document.querySelector('#pause').getAttribute('aria-pressed') === 'true'");
    let paused = browser.run(ROWS);
    ann.edit(&soup, |it| it.title.set("stew")).await.unwrap();
    sync(&ann, &hub).await;
    browser.until("state.kept.some((event) => event.payload.includes('stew'))");
    assert_eq!(browser.run(ROWS), paused, "a paused page stands still");
    browser.press("p");
    browser.until("document.querySelector('#rows').textContent.includes('stew')");

    // The story of an aggregate, and back.
    browser.click(".conflict .link");
    browser.until("document.querySelectorAll('#story-events li.beside').length >= 1");
    assert_eq!(browser.does("focused", json!({}))["value"], "story");
    let story = browser.text("#story");
    assert!(story.contains("its author had not seen") && story.contains("before"), "{story}");
    browser.is_sound();
    browser.press("Escape");
    browser.until("document.querySelector('#story').hidden");
    for part in ["#replicas-rows", "#sessions-rows", "#spaces-rows", "#facts"] {
        assert!(!browser.text(part).contains("none yet"), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_leaves_no_gap() {
    let Some(mut browser) = Browser::start() else { return };
    let hub = Hub::builder().in_memory().unwrap();
    let ann = replica("north").await;
    let till = open_till(&ann, "bread").await;
    sync(&ann, &hub).await;
    let page = shown(&hub).await;
    let address = page.address().to_string();
    browser.open(&page.url());
    browser.until(&format!("{ROWS} >= 2"));
    page.shut_down().await;
    browser.until("document.querySelector('#connection').textContent.includes('not connected')");
    for _ in 0..20 {
        ann.edit(&till, |it| it.sold.add(1)).await.unwrap();
    }
    sync(&ann, &hub).await;
    let _page = HubPage::of(&hub).serve(&address).await.unwrap();
    let head = hub.store().head(&"north".parse().unwrap()).await.unwrap().0;
    browser.until(&format!("state.kept.length >= {head}"));
    let positions = browser.run("state.kept.map((event) => event.position)");
    assert_eq!(positions, json!((1..=head).collect::<Vec<_>>()), "each once, in order");
    browser.until("document.querySelector('#connection').textContent === 'live'");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_for_a_token_and_fits_a_phone_in_the_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let (hub, _, [token]) = guarded(["read * - ann"]);
    fill(&hub, "north", "bread").await;
    let page = shown(&hub).await;
    let wrong = json!({ "url": page.url(), "password": "wrong" });
    assert_eq!(browser.does("open", wrong)["status"], 401);
    let right = json!({ "url": page.url(), "password": token, "width": 390, "dark": true });
    assert_eq!(browser.does("open", right)["status"], 200);
    browser.until(&format!("{ROWS} >= 2"));
    browser.until("document.querySelector('#facts').childElementCount > 0");
    let wider = browser.run("document.documentElement.scrollWidth - innerWidth");
    assert!(wider.as_i64().unwrap() <= 0, "it has to be scrolled sideways: {wider}");
    browser.is_sound();
}
