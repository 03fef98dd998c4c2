//! Quotas as settings, and credentials that end during a session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use synckit::hub::Tokens;
use synckit::replica::{LinkOptions, LinkState};
use synckit::transport::GrpcTransport;

use super::metrics::get;
use super::support::{Place, replica, sell};

#[tokio::test]
async fn who_is_over_a_quota_is_told_and_what_waits_is_kept() {
    let place = Place::new();
    place.write("hub.toml", "events-per-minute-max = 1\n");
    let hub = place.serve(&["--config", "hub.toml", "--sessions-per-replica-max", "4"]);
    let (ann, bob) = (replica().await, replica().await);
    sell(&ann, "bread").await;
    ann.sync_once(&hub.url).await.unwrap();
    sell(&ann, "milk").await;
    let error = ann.sync_once(&hub.url).await.unwrap_err();
    assert_eq!(error.code(), "session.limited", "{error}");
    assert!(error.to_string().contains("1 events a minute of one replica"), "{error}");
    assert!(error.retry_after().is_some_and(|pause| pause > Duration::ZERO), "{error}");
    assert!(ann.pending().await.unwrap() > 0);
    assert!(bob.sync_once(&hub.url).await.unwrap().pulled > 0);
    let page = get(&hub.url, "/metrics", "");
    assert!(page.contains("synckit_refusals_total{code=\"session.limited\"} 1"), "{page}");
    assert_eq!(hub.end().await, Some(0));

    let said = place.run(&["hub.redb", "--space-events-max", "0"]);
    assert!(said.failed(2).contains("it must be a number above 0"), "{said:?}");
}

#[tokio::test]
async fn a_session_ends_with_the_token_that_let_it_in() {
    let place = Place::new();
    let token = Tokens::generate().unwrap();
    let until =
        |end: &str| place.write("tokens", &format!("{} read-write * {end} ann\n", token.hash));
    until("-");
    let hub = place.serve(&["--tokens", "tokens"]);
    let ann = replica().await;
    let way = GrpcTransport::new(&hub.url).unwrap().credentials(&token.secret).unwrap();
    let quickly = LinkOptions::new().backoff(Duration::from_millis(20), Duration::from_millis(100));
    let mut link = ann.connect_with(way, quickly).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    sell(&ann, "bread").await;
    ann.flush(synckit::replica::Reach::Hub).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    until(&(now + 2).to_string());
    hub.signal("HUP");
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.unauthenticated");

    // Renewed, it opens the hub again, and the link goes on by itself.
    until("-");
    hub.signal("HUP");
    link.wait_for(|status| status.state == LinkState::Live).await;
    assert_eq!(hub.end().await, Some(0));
}
