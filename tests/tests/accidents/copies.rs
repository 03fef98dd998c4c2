//! Files that are copied while both copies live on: twins.

use synckit::replica::LinkState;
use synckit::{ErrorKind, Replica, registry};

use super::support::{
    Book, Disk, assert_agree, assert_all_agree, book, hub_in_memory, in_memory, settle, sync,
    visit, way_to,
};

#[tokio::test]
async fn twins_that_met_different_hubs_first_both_keep_their_work() {
    let disk = Disk::new();
    let (one, two) = (disk.hub("one").await, disk.hub("two").await);
    let (bob, cleo) = (in_memory().await, in_memory().await);
    let ann = disk.replica("ann").await;
    visit(&ann, "before").await;
    let ann = disk.back_up(ann, "ann", "twin").await;
    let twin = disk.replica("twin").await;
    let key = ann.id();
    assert_eq!(twin.id(), key);

    // The same number of edits, so that numbers tell nothing.
    visit(&ann, "ann's").await;
    visit(&twin, "twin's").await;
    settle(&one, &[&ann, &bob]).await;
    settle(&two, &[&twin, &cleo]).await;
    visit(&bob, "bob has seen ann's").await;
    visit(&cleo, "cleo has seen twin's").await;
    // Somebody moves between the hubs: both branches are everywhere in the end.
    for hub in [&one, &two, &one, &two] {
        settle(hub, &[&bob, &cleo]).await;
    }
    let visits = ["ann's", "before", "bob has seen ann's", "cleo has seen twin's", "twin's"];
    for hub in [&one, &two] {
        let forks = assert_all_agree(hub, &[&ann, &twin, &bob, &cleo], &visits).await;
        assert_eq!(forks.len(), 1, "{forks:?}");
        assert_eq!((forks[0].author, forks[0].branches.len()), (key, 2));
    }
    assert_ne!(ann.id(), twin.id());
}

#[tokio::test]
async fn what_is_written_beside_a_twins_words_stays_beside_them() {
    let disk = Disk::new();
    let (one, two) = (disk.hub("one").await, disk.hub("two").await);
    let (bob, cleo) = (in_memory().await, in_memory().await);
    let ann = disk.replica("ann").await;
    ann.edit(&book(), |it| it.page.push_str("...")).await.unwrap();
    let ann = disk.back_up(ann, "ann", "twin").await;
    let twin = disk.replica("twin").await;
    // Under one name and number, so that only what Bob and Cleo had seen tells whose words are meant.
    ann.edit(&book(), |it| it.page.insert(1, "left")).await.unwrap();
    twin.edit(&book(), |it| it.page.insert(2, "right")).await.unwrap();
    for (replica, hub) in [(&ann, &one), (&twin, &two)] {
        replica.edit(&book(), |it| it.page.insert(it.page.len() - 1, "!")).await.unwrap();
        settle(hub, &[replica]).await;
    }
    settle(&one, &[&bob]).await;
    settle(&two, &[&cleo]).await;
    bob.edit(&book(), |it| it.page.replace(1..3, "L")).await.unwrap();
    cleo.edit(&book(), |it| it.page.replace(3..5, "IG")).await.unwrap();
    bob.edit(&book(), |it| it.page.delete(0..1)).await.unwrap();
    for hub in [&one, &two, &one, &two] {
        settle(hub, &[&bob, &cleo]).await;
    }
    settle(&one, &[&ann, &twin]).await;
    settle(&one, &[&ann, &twin, &bob, &cleo]).await;
    let page = bob.get(&book()).await.unwrap().unwrap().page;
    assert!(["Lft.!rIGht!.", "Lft.rIGht!!."].contains(&&*page), "{page}");
    for replica in [&ann, &twin, &cleo] {
        assert_eq!(replica.get(&book()).await.unwrap().unwrap().page, page);
        assert_eq!(replica.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    }
}

#[tokio::test]
async fn twins_that_do_the_same_have_done_it_twice() {
    let disk = Disk::new();
    let hub = hub_in_memory();
    let ann = disk.replica("ann").await;
    let ann = disk.back_up(ann, "ann", "twin").await;
    let twin = disk.replica("twin").await;
    for replica in [&ann, &twin] {
        replica.edit(&book(), |it| it.visits.add(1)).await.unwrap();
    }
    settle(&hub, &[&ann, &twin]).await;
    for replica in [&ann, &twin] {
        assert_eq!(replica.get(&book()).await.unwrap().unwrap().visits, 2);
    }
    assert_eq!(ann.state_hash().await.unwrap(), twin.state_hash().await.unwrap());
}

#[tokio::test]
async fn of_a_cloned_device_both_go_on_for_days() {
    let disk = Disk::new();
    let hub = disk.hub("hub").await;
    let bob = in_memory().await;
    let ann = disk.replica("ann").await;
    visit(&ann, "before").await;
    sync(&ann, &hub).await;
    let mut ann = disk.back_up(ann, "ann", "clone").await;
    let mut clone = disk.replica("clone").await;
    let mut visits = vec!["before".to_owned()];
    for day in 0..5 {
        for (replica, who) in [(&ann, "ann"), (&clone, "clone"), (&bob, "bob")] {
            for hour in 0..3 {
                visits.push(format!("{who} {day} {hour}"));
                visit(replica, &visits[visits.len() - 1]).await;
            }
            sync(replica, &hub).await;
        }
        disk.close(ann).await;
        ann = disk.replica("ann").await;
        disk.close(clone).await;
        clone = disk.replica("clone").await;
    }
    let visits: Vec<_> = visits.iter().map(String::as_str).collect();
    let forks = assert_all_agree(&hub, &[&ann, &clone, &bob], &visits).await;
    // Noticed once: after the first meeting each writes under a key of its own.
    assert_eq!(forks.len(), 1, "{forks:?}");
}

#[tokio::test]
async fn twins_that_are_live_at_the_same_time_see_each_others_edits() {
    let disk = Disk::new();
    let hub = hub_in_memory();
    let ann = disk.replica("ann").await;
    visit(&ann, "before").await;
    let ann = disk.back_up(ann, "ann", "twin").await;
    let twin = disk.replica("twin").await;
    let mut links = [ann.connect(way_to(&hub)).unwrap(), twin.connect(way_to(&hub)).unwrap()];
    let (mut at_ann, mut at_twin) = (ann.watch(&book()).unwrap(), twin.watch(&book()).unwrap());
    for n in 0..5 {
        visit(&ann, &format!("ann's {n}")).await;
        visit(&twin, &format!("twin's {n}")).await;
        while !at_twin.next().await.unwrap().unwrap().signatures.contains(&format!("ann's {n}")) {}
        while !at_ann.next().await.unwrap().unwrap().signatures.contains(&format!("twin's {n}")) {}
    }
    for link in &mut links {
        let live = link.wait_for(|status| status.state == LinkState::Live).await;
        assert_eq!((live.sessions, live.trouble), (1, None));
    }
    let [one, two] = links;
    one.end().await.unwrap();
    two.end().await.unwrap();
    let edits: Vec<_> =
        (0..5).flat_map(|n| [format!("ann's {n}"), format!("twin's {n}")]).collect();
    let mut visits: Vec<_> = edits.iter().map(String::as_str).collect();
    visits.push("before");
    assert_all_agree(&hub, &[&ann, &twin], &visits).await;
}

#[tokio::test]
async fn a_template_file_shipped_with_an_app_becomes_a_replica_of_its_own_everywhere() {
    let disk = Disk::new();
    let hub = disk.hub("hub").await;
    let template = disk.replica("template").await;
    visit(&template, "shipped").await;
    let key = template.id();
    disk.close(template).await;
    let mut installed = Vec::new();
    let mut visits = vec!["shipped".to_owned()];
    for name in ["ann", "bob", "cleo", "dan"] {
        disk.copy("template", name);
        let replica = disk.replica(name).await;
        visits.push(format!("{name}'s first"));
        visit(&replica, &visits[visits.len() - 1]).await;
        installed.push(replica);
    }
    let replicas: Vec<_> = installed.iter().collect();
    let first: Vec<_> = visits.iter().map(String::as_str).collect();
    let forks = assert_all_agree(&hub, &replicas, &first).await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!((forks[0].author, forks[0].branches.len()), (key, 4));
    // Each writes under a key of its own by then, and no further fork comes of it.
    for (n, replica) in installed.iter().enumerate() {
        visits.push(format!("{n}'s second"));
        visit(replica, &visits[visits.len() - 1]).await;
    }
    let second: Vec<_> = visits.iter().map(String::as_str).collect();
    assert_eq!(assert_all_agree(&hub, &replicas, &second).await, forks);
    let mut keys: Vec<_> = installed.iter().map(Replica::id).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), installed.len());
}

#[tokio::test]
async fn an_empty_template_forks_before_the_first_event() {
    let disk = Disk::new();
    let hub = hub_in_memory();
    disk.close(disk.replica("template").await).await;
    disk.copy("template", "ann");
    disk.copy("template", "bob");
    let (ann, bob) = (disk.replica("ann").await, disk.replica("bob").await);
    let key = ann.id();
    visit(&ann, "ann's").await;
    visit(&bob, "bob's").await;
    let forks = assert_all_agree(&hub, &[&ann, &bob], &["ann's", "bob's"]).await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!((forks[0].author, forks[0].after, forks[0].branches.len()), (key, 0, 2));
}

#[tokio::test]
async fn a_twin_that_never_writes_goes_on_reading() {
    let disk = Disk::new();
    let hub = hub_in_memory();
    let ann = disk.replica("ann").await;
    visit(&ann, "a1").await;
    sync(&ann, &hub).await;
    let ann = disk.back_up(ann, "ann", "reader").await;
    let reader = disk.replica("reader").await;
    visit(&ann, "a2").await;
    settle(&hub, &[&ann, &reader, &ann, &reader]).await;
    let forks = assert_agree(&[&ann, &reader], &["a1", "a2"]).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn two_replicas_over_one_open_store_are_no_twins() {
    let ann = in_memory().await;
    let again = Replica::builder().registry(registry![Book]).over(ann.store().clone()).await;
    assert_eq!(*again.unwrap_err().kind(), ErrorKind::SpaceInUse);
    visit(&ann, "a1").await;
    assert!(assert_agree(&[&ann], &["a1"]).await.is_empty());
}
