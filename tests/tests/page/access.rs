//! Admission to the page.

use synckit::hub::{Access, AccessRequest, Authorizer, Rights};
use synckit::sync::Denial;
use synckit::transport::tls::{CertifiedKey, ClientCertificates, ServerTls};
use synckit::{Hub, filter::Filter, filter::FilterPart};

use super::http::{get, send};
use super::{fill, guarded, open_till, replica, shown, sync};

const PATHS: [&str; 8] = [
    "/",
    "/ui/",
    "/ui/page.js",
    "/ui/page.css",
    "/ui/status",
    "/ui/events?space=north",
    "/ui/aggregate?space=north&id=till/x",
    "/elsewhere",
];

#[tokio::test]
async fn a_hub_is_shown_with_its_spaces_replicas_sessions_and_totals() {
    let hub = Hub::builder().in_memory().unwrap();
    let ann = replica("north").await;
    open_till(&ann, "bread").await;
    sync(&ann, &hub).await;
    let page = shown(&hub).await;
    let status = get(page.address(), "/ui/status?space=north", None).await.json();
    assert_eq!(status["spaces"][0]["name"], "north");
    assert_eq!(status["spaces"][0]["authors"], 1);
    assert_eq!(status["hub"]["events_in"], status["spaces"][0]["events"]);
    assert_eq!(status["hub"]["is_guarded"], false);
    let (space, key) = (&status["space"], ann.id().to_string());
    assert_eq!(space["replicas"][0]["replica"], key);
    assert_eq!(space["replicas"][0]["behind"], 0);
    assert_eq!(space["ended"][0]["replica"], key);
    assert_eq!(space["ended"][0]["code"], serde_json::Value::Null);
    assert_eq!(space["concurrent"], serde_json::json!([]));
}

#[tokio::test]
async fn whoever_shows_no_token_learns_nothing() {
    let (hub, _, [_]) = guarded(["read-write * - ann"]);
    fill(&hub, "north", "secret bread").await;
    let page = shown(&hub).await;
    for path in PATHS {
        for token in [None, Some("a-token-that-nobody-made")] {
            let answer = get(page.address(), path, token).await;
            assert_eq!(answer.status, 401, "{path} {answer:?}");
            assert!(answer.head.contains("www-authenticate: basic "), "{answer:?}");
            assert!(!answer.body.contains("north"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_token_shows_the_spaces_that_it_may_read_and_of_others_not_even_that_they_are_there() {
    let (hub, _, [ann, bob]) = guarded(["read north - ann", "write * - bob"]);
    fill(&hub, "north", "bread").await;
    fill(&hub, "south", "secret soup").await;
    let page = shown(&hub).await;
    let status = get(page.address(), "/ui/status", Some(&ann)).await;
    assert_eq!(status.json()["spaces"].as_array().unwrap().len(), 1, "{status:?}");
    assert!(!status.body.contains("south"));
    let paths = ["/ui/status?space=", "/ui/events?space=", "/ui/aggregate?id=till/x&space="];
    for path in paths {
        for token in [&ann, &bob] {
            let hidden = get(page.address(), &format!("{path}south"), Some(token)).await;
            let absent = get(page.address(), &format!("{path}absent"), Some(token)).await;
            assert_eq!((hidden.status, &hidden.body), (404, &absent.body), "{path}");
            assert_eq!(absent.status, 404);
        }
    }
    let status = get(page.address(), "/ui/status", Some(&bob)).await;
    assert_eq!(status.json()["spaces"], serde_json::json!([]), "whoever may only write sees none");
}

/// Opens one aggregate of each space.
#[derive(Debug)]
struct OnlyPart(Filter);

#[async_trait::async_trait]
impl Authorizer for OnlyPart {
    async fn authorize(&self, _: &AccessRequest) -> Result<Access, Denial> {
        Ok(Access::new("guest", Rights::Read).only(self.0.clone()))
    }
}

#[tokio::test]
async fn whoever_may_read_a_part_sees_no_event_of_the_rest() {
    let ann = replica("north").await;
    let (mine, others) = (open_till(&ann, "bread").await, open_till(&ann, "secret soup").await);
    let key = mine.key();
    let part = FilterPart::new().kind("till".parse().unwrap()).keyed(key.as_bytes());
    let only = Filter::new().part(part);
    let hub = Hub::builder().authorizer(OnlyPart(only)).in_memory().unwrap();
    sync(&ann, &Hub::builder().over(hub.store())).await;
    let page = shown(&hub).await;
    let mut feed = super::http::Feed::open(page.address(), "/ui/events?space=north", "").await;
    let first = feed.event().await.data;
    assert_eq!(first["aggregate"], format!("till/{key}"));
    let story = |id: String| {
        let (to, path) = (page.address(), format!("/ui/aggregate?space=north&id={id}"));
        async move { get(to, &path, None).await.json() }
    };
    assert!(story(format!("till/{key}")).await["count"].as_u64().unwrap() > 0);
    assert_eq!(story(format!("till/{}", others.key())).await["count"], 0);
}

#[tokio::test]
async fn without_an_authorizer_the_page_is_for_this_machine_and_for_no_name_that_leads_to_it() {
    let hub = Hub::builder().in_memory().unwrap();
    let refused = synckit::page::HubPage::of(&hub).serve("0.0.0.0:0").await.unwrap_err();
    assert_eq!(refused.code(), "hub.unguarded");
    let page = shown(&hub).await;
    let by_name = |name: &str| {
        format!("GET /ui/status HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(send(page.address(), &by_name("localhost:1")).await.status, 200);
    assert_eq!(send(page.address(), &by_name("rebound.example")).await.status, 403);
}

#[tokio::test]
async fn a_guarded_page_needs_a_certificate_where_other_machines_reach_it_as_the_hub_does() {
    let (hub, _, [_]) = guarded(["read * - ann"]);
    let refused = synckit::page::HubPage::of(&hub).serve("0.0.0.0:0").await.unwrap_err();
    assert_eq!(refused.code(), "hub.plain_text");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let key = CertifiedKey::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let tls = ServerTls::new(&key, ClientCertificates::Ignored).unwrap();
    let hub = Hub::builder().tls(tls).in_memory().unwrap();
    let page = shown(&hub).await;
    assert!(page.url().starts_with("https://"), "{}", page.url());
    let plain = get(page.address(), "/ui/status", None).await;
    assert_eq!(plain.status, 0, "plain text gets no answer: {plain:?}");
}

#[tokio::test]
async fn every_answer_forbids_scripts_and_frames_of_others_and_nothing_can_be_changed() {
    let hub = Hub::builder().in_memory().unwrap();
    let page = shown(&hub).await;
    for path in PATHS {
        if !path.contains("events") {
            let answer = get(page.address(), path, None).await;
            for part in ["content-security-policy: default-src 'none'", "nosniff", "no-store"] {
                assert!(answer.head.contains(part), "{path} {part} {answer:?}");
            }
        }
    }
    let post = "POST /ui/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let post = post.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    assert_eq!(send(page.address(), &post).await.status, 405);
    let odd = ["events", "status?space=", "aggregate?space=north", "aggregate?space=%ff&id=a"];
    for path in odd {
        let answer = get(page.address(), &format!("/ui/{path}"), None).await;
        assert!([400, 404].contains(&answer.status), "{path} {answer:?}");
    }
    let long = format!("GET /ui/?{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let refused = send(page.address(), &long).await.status;
    assert!([0, 400, 414, 431].contains(&refused), "{refused}");
    assert_eq!(get(page.address(), "/ui/status", None).await.status, 200);
}
