//! Clocks that were wrong for a while, or are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use synckit::Hub;
use synckit::replica::LinkState;

use super::support::{
    MINUTE, NOON, YEAR, assert_all_agree, at, hub_in_memory, in_memory, line, set_by, stands_at,
    sync, visit, way_to,
};

#[tokio::test]
async fn an_edit_dated_years_ahead_holds_nothing_up_once_the_clock_is_right() {
    let time = Arc::new(AtomicU64::new(NOON));
    let hub = Hub::builder().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let (ann, bob) = (at(set_by(&time)).await, at(stands_at(NOON)).await);
    visit(&ann, "an honest day's work").await;
    time.store(NOON + 10 * YEAR, Ordering::SeqCst);
    visit(&ann, "while the clock was wrong").await;
    time.store(NOON, Ordering::SeqCst);
    visit(&ann, "clock is right").await;
    sync(&ann, &hub).await;
    sync(&bob, &hub).await;
    visit(&bob, "a reply").await;
    let visits = ["a reply", "an honest day's work", "clock is right", "while the clock was wrong"];
    assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    // Whoever has seen the odd event writes after it, whatever their own clock says.
    assert_eq!(line(&ann).await, "a reply");
}

#[tokio::test]
async fn a_write_dated_ahead_wins_over_concurrent_ones_until_somebody_who_saw_it_writes() {
    let hub = hub_in_memory();
    let (ahead, bob) = (at(stands_at(NOON + YEAR)).await, at(stands_at(NOON)).await);
    visit(&ahead, "dated ahead").await;
    visit(&bob, "concurrent").await;
    assert_all_agree(&hub, &[&ahead, &bob], &["concurrent", "dated ahead"]).await;
    assert_eq!(line(&bob).await, "dated ahead");
    visit(&bob, "has seen it").await;
    let visits = ["concurrent", "dated ahead", "has seen it"];
    assert_all_agree(&hub, &[&ahead, &bob], &visits).await;
    assert_eq!(line(&ahead).await, "has seen it");
}

#[tokio::test]
async fn a_replica_with_a_slow_clock_edits_what_it_sees() {
    let hub = Hub::builder().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let (ann, slow) = (at(stands_at(NOON)).await, at(stands_at(NOON - 6 * MINUTE)).await);
    visit(&ann, "just now").await;
    sync(&ann, &hub).await;
    sync(&slow, &hub).await;
    visit(&slow, "a reply").await;
    assert_all_agree(&hub, &[&slow, &ann], &["a reply", "just now"]).await;
    assert_eq!(line(&ann).await, "a reply");
}

#[tokio::test]
async fn a_replica_whose_clock_is_set_back_goes_on() {
    let time = Arc::new(AtomicU64::new(NOON + 24 * 60 * MINUTE));
    let hub = hub_in_memory();
    let ann = at(set_by(&time)).await;
    visit(&ann, "a day fast").await;
    time.store(NOON, Ordering::SeqCst);
    visit(&ann, "set back").await;
    time.store(0, Ordering::SeqCst);
    visit(&ann, "without a battery").await;
    assert_all_agree(&hub, &[&ann], &["a day fast", "set back", "without a battery"]).await;
    assert_eq!(line(&ann).await, "without a battery");
}

#[tokio::test]
async fn a_report_and_a_status_tell_by_how_much_clocks_differ() {
    let hub = Hub::builder().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let (slow, fast) = (at(stands_at(NOON - MINUTE)).await, at(stands_at(NOON + YEAR)).await);
    assert_eq!(sync(&slow, &hub).await.peer_clock_ahead_ms, 60_000);
    let mut link = fast.connect(way_to(&hub)).unwrap();
    let live = link.wait_for(|status| status.state == LinkState::Live).await;
    assert_eq!(live.progress.peer_clock_ahead_ms, Some(-YEAR.cast_signed()));
    link.end().await.unwrap();
}

#[tokio::test]
async fn a_hub_without_a_battery_for_its_clock_serves() {
    let hub = Hub::builder().wall_clock(stands_at(1_000)).in_memory().unwrap();
    let (ann, bob) = (in_memory().await, at(stands_at(NOON + YEAR)).await);
    visit(&ann, "a1").await;
    visit(&bob, "b1").await;
    let mut link = ann.connect(way_to(&hub)).unwrap();
    let live = link.wait_for(|status| status.state == LinkState::Live).await;
    assert_eq!((live.sessions, live.trouble), (1, None));
    link.end().await.unwrap();
    assert_all_agree(&hub, &[&ann, &bob], &["a1", "b1"]).await;
}
