//! The stream of events, and the story of an aggregate.

use synckit::Hub;
use synckit::hub::TokenList;

use super::http::{Feed, get};
use super::{fill, guarded, open_till, replica, shown, sync};

#[tokio::test]
async fn events_are_shown_as_they_arrive_with_the_names_of_their_fields() {
    let hub = Hub::builder().in_memory().unwrap();
    let ann = replica("north").await;
    let till = open_till(&ann, "bread").await;
    sync(&ann, &hub).await;
    let page = shown(&hub).await;
    let mut feed = Feed::open(page.address(), "/ui/events?space=north", "").await;
    assert_eq!(feed.event().await.data["event"], "till.created");
    let title = feed.event().await.data;
    assert_eq!(title["payload"], r#"{"value":"bread"}"#);
    ann.edit(&till, |it| it.title.set("<script>alert(1)</script>")).await.unwrap();
    sync(&ann, &hub).await;
    let head = hub.store().head(&"north".parse().unwrap()).await.unwrap();
    let mut last = feed.event().await.data;
    while last["position"].as_u64() < Some(head.0) {
        last = feed.event().await.data;
    }
    assert_eq!(last["payload"], r#"{"value":"<script>alert(1)</script>"}"#);
    assert_eq!(last["author"], ann.id().to_string());
}

#[tokio::test]
async fn a_feed_goes_on_behind_the_event_that_the_browser_had_last() {
    let hub = Hub::builder().in_memory().unwrap();
    let ann = replica("north").await;
    let till = open_till(&ann, "bread").await;
    sync(&ann, &hub).await;
    let page = shown(&hub).await;
    let path = "/ui/events?space=north";
    let mut feed = Feed::open(page.address(), path, "").await;
    let (_, second) = (feed.event().await, feed.event().await);
    drop(feed);
    page.shut_down().await;
    ann.edit(&till, |it| it.sold.add(2)).await.unwrap();
    sync(&ann, &hub).await;

    let page = shown(&hub).await;
    let header = format!("Last-Event-ID: {}\r\n", second.id);
    let mut feed = Feed::open(page.address(), path, &header).await;
    assert_eq!(feed.next().await.unwrap().data["position"], 3, "no gap, and nothing twice");
    let path = format!("{path}&after={}", second.id);
    let mut feed = Feed::open(page.address(), &path, "").await;
    assert_eq!(feed.next().await.unwrap().data["position"], 3, "the same by the address");
}

#[tokio::test]
async fn a_feed_of_a_hub_whose_file_was_replaced_says_so_and_begins_again() {
    let path = "/ui/events?space=north";
    let (first, second) =
        (Hub::builder().in_memory().unwrap(), Hub::builder().in_memory().unwrap());
    for (hub, title) in [(&first, "bread"), (&second, "soup")] {
        let replica = replica("north").await;
        open_till(&replica, title).await;
        sync(&replica, hub).await;
    }
    let page = shown(&first).await;
    let mut feed = Feed::open(page.address(), path, "").await;
    let last = feed.event().await;
    let page = shown(&second).await;
    let header = format!("Last-Event-ID: {}\r\n", last.id);
    let mut feed = Feed::open(page.address(), path, &header).await;
    assert_eq!(feed.next().await.unwrap().name, "replaced");
    assert_eq!(feed.event().await.data["position"], 1);
}

#[tokio::test]
async fn a_feed_ends_when_its_token_is_withdrawn() {
    let (hub, tokens, [ann]) = guarded(["read * - ann"]);
    fill(&hub, "north", "bread").await;
    let page = shown(&hub).await;
    let shows = format!("Authorization: Bearer {ann}\r\n");
    let mut feed = Feed::open(page.address(), "/ui/events?space=north", &shows).await;
    feed.event().await;
    tokens.replace("".parse::<TokenList>().unwrap()).unwrap();
    hub.recheck();
    while feed.next().await.is_some() {}
    let answer = get(page.address(), "/ui/status", Some(&ann)).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_feed_that_is_far_behind_says_what_it_passes_over() {
    let hub = Hub::builder().in_memory().unwrap();
    let ann = replica("north").await;
    let till = open_till(&ann, "bread").await;
    sync(&ann, &hub).await;
    let page = shown(&hub).await;
    let path = "/ui/events?space=north";
    let first = Feed::open(page.address(), path, "").await.event().await;
    for _ in 0..6 {
        let sell =
            |it: &mut synckit::Edit<'_, super::Till>| (0..1_000).for_each(|_| it.sold.add(1));
        ann.edit(&till, sell).await.unwrap();
    }
    sync(&ann, &hub).await;
    let mut feed =
        Feed::open(page.address(), path, &format!("Last-Event-ID: {}\r\n", first.id)).await;
    let skipped = feed.next().await.unwrap();
    assert_eq!(skipped.name, "skipped");
    let next = feed.event().await.data["position"].as_u64().unwrap();
    assert_eq!(skipped.data["events"].as_u64().unwrap(), next - 2);
}

#[tokio::test]
async fn concurrent_edits_are_listed_until_somebody_has_seen_both() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica("north").await, replica("north").await);
    let till = open_till(&ann, "bread").await;
    for replica in [&ann, &bob] {
        sync(replica, &hub).await;
    }
    ann.edit(&till, |it| it.title.set("rye")).await.unwrap();
    bob.edit(&till, |it| it.title.set("oat")).await.unwrap();
    for replica in [&ann, &bob, &ann] {
        sync(replica, &hub).await;
    }
    let page = shown(&hub).await;
    let status = get(page.address(), "/ui/status?space=north", None).await.json();
    let [field] = status["space"]["concurrent"].as_array().unwrap().as_slice() else {
        panic!("{status}")
    };
    assert_eq!(field["event"], "till.title_set");
    let edits = field["edits"].as_array().unwrap();
    let mut payloads: Vec<_> = edits.iter().map(|edit| edit["payload"].as_str().unwrap()).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, [r#"{"value":"oat"}"#, r#"{"value":"rye"}"#]);

    let path = format!("/ui/aggregate?space=north&id=till/{}", till.key());
    let story = get(page.address(), &path, None).await.json();
    let events = story["events"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last["beside"].as_array().unwrap().len(), 1, "{last}");
    assert_eq!(last["after"].as_array().unwrap().len(), 2, "{last}");
    assert_eq!(story["last"]["till.title_set"].as_array().unwrap().len(), 2);

    ann.edit(&till, |it| it.title.set("rye and oat")).await.unwrap();
    sync(&ann, &hub).await;
    let status = get(page.address(), "/ui/status?space=north", None).await.json();
    assert_eq!(status["space"]["concurrent"], serde_json::json!([]));
    let story = get(page.address(), &path, None).await.json();
    let last = story["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["beside"], serde_json::json!([]));
    assert_eq!(last["follows"].as_array().unwrap().len(), 2);
}
