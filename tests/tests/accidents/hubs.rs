//! Hubs that are restored, copied, replaced and lost.

use synckit::replica::LinkState;

use super::support::{
    Disk, assert_agree, assert_all_agree, book, hub_in_memory, in_memory, settle, sync, visit,
};

#[tokio::test]
async fn a_hub_restored_from_a_backup_while_others_write_gets_back_what_it_lost() {
    let disk = Disk::new();
    let (ann, bob, cleo) = (in_memory().await, in_memory().await, in_memory().await);
    let hub = disk.hub("hub").await;
    let hub = disk.back_up_hub(hub, "hub", "backup").await;
    for visitor in ["b1", "b2", "b3"] {
        visit(&bob, visitor).await;
    }
    settle(&hub, &[&bob, &ann]).await;
    let hub = disk.restore_hub(hub, "hub", "backup").await;
    // The places in the log that Ann has read hold other events by the time she returns.
    for visitor in ["c1", "c2", "c3", "c4"] {
        visit(&cleo, visitor).await;
    }
    sync(&cleo, &hub).await;
    sync(&bob, &hub).await;
    assert_eq!(sync(&ann, &hub).await.pulled, 3 * 4);
    let visits = ["b1", "b2", "b3", "c1", "c2", "c3", "c4"];
    let forks = assert_all_agree(&hub, &[&ann, &bob, &cleo], &visits).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn a_reader_gives_a_restored_hub_what_its_author_is_not_there_to_give() {
    let disk = Disk::new();
    let (ann, bob, cleo) = (in_memory().await, in_memory().await, in_memory().await);
    let hub = disk.hub("hub").await;
    visit(&bob, "b1").await;
    settle(&hub, &[&bob, &ann]).await;
    let hub = disk.back_up_hub(hub, "hub", "backup").await;
    visit(&bob, "b2").await;
    settle(&hub, &[&bob, &ann]).await;
    drop(bob);
    let hub = disk.restore_hub(hub, "hub", "backup").await;
    visit(&cleo, "c1").await;
    sync(&cleo, &hub).await;
    assert_all_agree(&hub, &[&ann, &cleo], &["b1", "b2", "c1"]).await;
}

/// The log is as long as the one that was lost, so only its digest tells that it is another.
#[tokio::test]
async fn a_restored_hub_whose_log_is_as_long_as_before_is_told_from_the_one_before() {
    let disk = Disk::new();
    let (ann, bob, cleo) = (in_memory().await, in_memory().await, in_memory().await);
    let hub = disk.hub("hub").await;
    let hub = disk.back_up_hub(hub, "hub", "backup").await;
    visit(&bob, "b1").await;
    settle(&hub, &[&bob, &ann]).await;
    let hub = disk.restore_hub(hub, "hub", "backup").await;
    visit(&cleo, "c1").await;
    sync(&cleo, &hub).await;
    sync(&ann, &hub).await;
    assert_agree(&[&ann], &["b1", "c1"]).await;
    assert_all_agree(&hub, &[&ann, &bob, &cleo], &["b1", "c1"]).await;
}

#[tokio::test]
async fn a_hub_copied_to_a_second_server_serves_from_both_places() {
    let disk = Disk::new();
    let (ann, bob, cleo) = (in_memory().await, in_memory().await, in_memory().await);
    let one = disk.hub("one").await;
    visit(&ann, "a1").await;
    settle(&one, &[&ann, &bob]).await;
    one.close().await.unwrap();
    disk.copy("one", "two");
    let (one, two) = (disk.unnoticed_hub("one"), disk.unnoticed_hub("two"));
    assert_eq!(one.store().key().id(), two.store().key().id());

    visit(&ann, "a2").await;
    sync(&ann, &one).await;
    visit(&cleo, "c1").await;
    sync(&cleo, &two).await;
    // Bob is sent to one server and to the other.
    for hub in [&one, &two, &one, &two] {
        sync(&bob, hub).await;
        visit(&bob, &format!("b{}", hub.store().head(bob.space()).await.unwrap().0)).await;
    }
    let signed: Vec<_> = bob.get(&book()).await.unwrap().unwrap().signatures.into_iter().collect();
    let visits: Vec<_> = signed.iter().map(String::as_str).collect();
    assert_eq!(visits.iter().filter(|visit| visit.starts_with('b')).count(), 4, "{visits:?}");
    for hub in [&one, &two] {
        assert_all_agree(hub, &[&ann, &bob, &cleo], &visits).await;
    }
}

#[tokio::test]
async fn two_who_wrote_alternately_both_arrive_at_a_new_hub() {
    let disk = Disk::new();
    let (ann, bob) = (disk.replica("ann").await, disk.replica("bob").await);
    let old = disk.hub("old").await;
    // Each visit has seen the one before.
    for round in 0..3 {
        for (replica, name) in [(&ann, "a"), (&bob, "b")] {
            sync(replica, &old).await;
            visit(replica, &format!("{name}{round}")).await;
            sync(replica, &old).await;
        }
    }
    old.close().await.unwrap();
    disk.delete("old");
    let new = disk.hub("new").await;
    let cleo = in_memory().await;
    sync(&ann, &new).await;
    sync(&bob, &new).await;
    sync(&cleo, &new).await;
    let visits = ["a0", "a1", "a2", "b0", "b1", "b2"];
    let forks = assert_all_agree(&new, &[&ann, &bob, &cleo], &visits).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn a_new_hub_takes_from_others_what_an_author_wrote_who_is_gone() {
    let disk = Disk::new();
    let (ann, bob) = (disk.replica("ann").await, disk.replica("bob").await);
    let hub = disk.hub("hub").await;
    visit(&ann, "a1").await;
    settle(&hub, &[&ann, &bob]).await;
    visit(&bob, "b1 has seen a1").await;
    // Both the author's device and the hub's disk are lost.
    disk.close(ann).await;
    disk.delete("ann");
    hub.close().await.unwrap();
    disk.delete("hub");
    let hub = disk.hub("hub").await;
    sync(&bob, &hub).await;
    assert_all_agree(&hub, &[&bob], &["a1", "b1 has seen a1"]).await;
}

#[tokio::test]
async fn a_second_hub_takes_over_while_the_first_is_away_and_gives_back_what_it_got() {
    let disk = Disk::new();
    let (first, second) = (disk.hub("first").await, disk.hub("second").await);
    let (ann, bob, cleo) = (in_memory().await, in_memory().await, in_memory().await);
    visit(&ann, "a1").await;
    settle(&first, &[&ann, &bob, &cleo]).await;
    // The first hub is not reached any more. Whoever comes to the second brings what it needs.
    visit(&bob, "b1 has seen a1").await;
    sync(&bob, &second).await;
    visit(&cleo, "c1").await;
    sync(&cleo, &second).await;
    sync(&ann, &second).await;
    assert_agree(&[&ann, &cleo], &["a1", "b1 has seen a1", "c1"]).await;
    // It is there again.
    let visits = ["a1", "a2", "b1 has seen a1", "c1"];
    visit(&ann, "a2").await;
    assert_all_agree(&first, &[&ann, &bob, &cleo], &visits).await;
    assert_all_agree(&second, &[&ann, &bob, &cleo], &visits).await;
}

#[tokio::test]
async fn of_a_hub_and_a_machine_restored_together_the_third_is_not_to_blame() {
    let disk = Disk::new();
    let (ann, bob) = (disk.replica("ann").await, disk.replica("bob").await);
    let hub = disk.hub("hub").await;
    visit(&ann, "a1").await;
    settle(&hub, &[&ann, &bob]).await;
    let hub = disk.back_up_hub(hub, "hub", "yesterday's hub").await;
    let ann = disk.back_up(ann, "ann", "yesterday's ann").await;
    visit(&ann, "a2, lost").await;
    settle(&hub, &[&ann, &bob]).await;
    visit(&bob, "b1 has seen a2").await;

    let hub = disk.restore_hub(hub, "hub", "yesterday's hub").await;
    let ann = disk.restore(ann, "ann", "yesterday's ann").await;
    visit(&ann, "a2, again").await;
    sync(&ann, &hub).await;
    let visits = ["a1", "a2, lost", "a2, again", "b1 has seen a2"];
    let forks = assert_all_agree(&hub, &[&bob, &ann], &visits).await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    let bobs = bob.id();
    assert!(forks.iter().all(|fork| fork.author != bobs), "{forks:?}");
}

#[tokio::test]
async fn a_link_stays_while_its_hub_is_restored_behind_the_same_address() {
    let disk = Disk::new();
    let hub = disk.hub("hub").await.serve("127.0.0.1:0").await.unwrap();
    let (address, url) = (hub.address().to_string(), hub.url());
    let (ann, bob) = (disk.replica("ann").await, in_memory().await);
    let mut link = ann.connect(url.clone()).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    hub.shut_down().await.unwrap();
    disk.copy("hub", "backup");
    let hub = disk.hub("hub").await.serve(&address).await.unwrap();
    visit(&ann, "a1").await;
    bob.sync_once(url.clone()).await.unwrap();
    let mut link = {
        link.wait_for(|status| status.state == LinkState::Live && status.progress.caught_up).await;
        link
    };
    hub.shut_down().await.unwrap();
    disk.copy("backup", "hub");
    visit(&bob, "b1").await;
    let hub = disk.hub("hub").await.serve(&address).await.unwrap();
    bob.sync_once(url.clone()).await.unwrap();
    let mut watch = ann.watch(&book()).unwrap();
    while !watch.next().await.unwrap().unwrap().signatures.contains("b1") {}
    link.wait_for(|status| status.state == LinkState::Live).await;
    link.end().await.unwrap();
    bob.sync_once(url).await.unwrap();
    assert_agree(&[&ann, &bob], &["a1", "b1"]).await;
    hub.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_hub_that_lost_its_file_is_filled_again_without_anything_twice() {
    let hub = hub_in_memory();
    let (ann, bob) = (in_memory().await, in_memory().await);
    visit(&ann, "a1").await;
    visit(&bob, "b1").await;
    settle(&hub, &[&ann, &bob]).await;
    let empty = hub_in_memory();
    assert_eq!(sync(&ann, &empty).await.pushed, 2 * 3);
    assert_eq!(sync(&bob, &empty).await.pushed, 0);
    assert_all_agree(&empty, &[&ann, &bob], &["a1", "b1"]).await;
}
