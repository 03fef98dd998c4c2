//! The page of a running hub.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::metrics::get_as;
use super::support::{Place, replica, sell};

#[tokio::test]
async fn a_hub_with_a_page_says_where_it_is_and_shows_who_has_come() {
    let place = Place::new();
    let args = ["hub.redb", "--listen=127.0.0.1:0", "--page=127.0.0.1:0"];
    let mut hub = place.hub(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(hub.stdout.take().unwrap()).lines();
    let mut said = |begin| {
        let line = lines.next().unwrap().unwrap();
        line.strip_prefix(begin).unwrap_or_else(|| panic!("{line}")).to_owned()
    };
    let (url, page) = (said("listening on "), said("look at "));
    let ann = replica().await;
    sell(&ann, "bread").await;
    ann.sync_once(&url).await.unwrap();

    let page = page.strip_suffix("/ui/").unwrap();
    let get = |host, path| get_as(host, page, path, "Connection: close\r\n");
    let status = get("localhost", "/ui/status?space=default");
    assert!(status.starts_with("HTTP/1.1 200 OK"), "{status}");
    let key = ann.id().to_string();
    assert!(status.contains(&key), "{status}");
    assert!(get("localhost", "/ui/").contains("page.js"));
    assert!(get("elsewhere.example", "/ui/status").starts_with("HTTP/1.1 403"));
    hub.kill().unwrap();
    hub.wait().unwrap();
}

#[test]
fn a_page_that_cannot_be_served_ends_the_hub_with_the_reason() {
    let place = Place::new();
    let said = place.run(&["hub.redb", "--listen=127.0.0.1:0", "--page=0.0.0.0:0"]);
    assert!(said.err.contains("or --page 127.0.0.1:7701"), "{said:?}");
    place.write("odd.proto", "message {");
    let args = ["hub.redb", "--listen=127.0.0.1:0", "--page=127.0.0.1:0", "--page-proto=odd.proto"];
    assert!(place.run(&args).failed(2).contains("read odd.proto: "));
}
