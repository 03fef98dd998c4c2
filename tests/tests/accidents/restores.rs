//! Replicas whose file is replaced by an older copy of it, or is gone.

use synckit::{Hub, Replica};

use super::support::{
    Disk, assert_agree, assert_all_agree, book, hub_in_memory, in_memory, settle, sync, visit,
};

#[tokio::test]
async fn a_replica_restored_with_all_it_wrote_goes_on_under_its_key() {
    let (disk, hub, ann, bob) = cast().await;
    visit(&ann, "a1").await;
    settle(&hub, &[&ann, &bob]).await;
    let ann = disk.back_up(ann, "ann", "backup").await;
    // She writes nothing more, and receives.
    visit(&bob, "b1").await;
    settle(&hub, &[&bob, &ann]).await;
    let me = ann.id();
    let ann = disk.restore(ann, "ann", "backup").await;
    visit(&ann, "a2").await;
    let forks = assert_all_agree(&hub, &[&ann, &bob], &["a1", "a2", "b1"]).await;
    assert!(forks.is_empty(), "{forks:?}");
    assert_eq!(ann.id(), me);
}

#[tokio::test]
async fn a_restored_replica_that_has_written_nothing_since_catches_up() {
    let (disk, hub, ann, bob) = cast().await;
    visit(&ann, "before the backup").await;
    let ann = disk.back_up(ann, "ann", "backup").await;
    visit(&ann, "after the backup").await;
    settle(&hub, &[&ann]).await;
    let me = ann.id();
    let ann = disk.restore(ann, "ann", "backup").await;
    sync(&ann, &hub).await;
    assert_agree(&[&ann], &["after the backup", "before the backup"]).await;
    // Whatever she writes from here on, she writes under another key.
    assert_ne!(ann.id(), me);
    visit(&ann, "after the restore").await;
    let visits = ["after the backup", "after the restore", "before the backup"];
    let forks = assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn a_restored_replica_that_has_written_since_keeps_that_and_gets_back_the_rest() {
    let (disk, hub, ann, bob) = cast().await;
    visit(&ann, "a1").await;
    let ann = disk.back_up(ann, "ann", "backup").await;
    visit(&ann, "a2 before").await;
    visit(&ann, "a3 before").await;
    settle(&hub, &[&ann, &bob]).await;
    visit(&bob, "b1 has seen a3").await;
    let me = ann.id();
    let ann = disk.restore(ann, "ann", "backup").await;
    visit(&ann, "a2 after").await;
    visit(&ann, "a3 after").await;
    let visits = ["a1", "a2 after", "a2 before", "a3 after", "a3 before", "b1 has seen a3"];
    let forks = assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!((forks[0].author, forks[0].after, forks[0].branches.len()), (me, 3, 2));
    assert_ne!(ann.id(), me);

    // The new key and both branches are there after the next opening, too.
    let key = ann.id();
    disk.close(ann).await;
    let ann = disk.replica("ann").await;
    assert_eq!(ann.id(), key);
    visit(&ann, "a4").await;
    let visits = ["a1", "a2 after", "a2 before", "a3 after", "a3 before", "a4", "b1 has seen a3"];
    assert_eq!(assert_all_agree(&hub, &[&ann, &bob], &visits).await, forks);
}

#[tokio::test]
async fn a_replica_restored_again_and_again_from_one_backup_loses_nothing() {
    let (disk, hub, mut ann, bob) = cast().await;
    visit(&ann, "a").await;
    let me = ann.id();
    ann = disk.back_up(ann, "ann", "backup").await;
    let mut visits = vec!["a".to_owned()];
    for time in 0..4 {
        let signature = format!("after restore {time}");
        visit(&ann, &signature).await;
        visits.push(signature);
        sync(&ann, &hub).await;
        ann = disk.restore(ann, "ann", "backup").await;
    }
    let visits: Vec<_> = visits.iter().map(String::as_str).collect();
    let forks = assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!((forks[0].author, forks[0].branches.len()), (me, 4));
}

#[tokio::test]
async fn edits_that_go_on_while_a_restored_replica_notices_are_all_there() {
    let (disk, hub, ann, bob) = cast().await;
    let ann = disk.back_up(ann, "ann", "backup").await;
    visit(&ann, "lost with the disk").await;
    settle(&hub, &[&ann]).await;
    let ann = disk.restore(ann, "ann", "backup").await;
    let writer = ann.clone();
    let writing = tokio::spawn(async move {
        for n in 0..40 {
            visit(&writer, &format!("edit {n}")).await;
        }
    });
    while !writing.is_finished() {
        sync(&ann, &hub).await;
    }
    writing.await.unwrap();
    let edits: Vec<_> = (0..40).map(|n| format!("edit {n}")).collect();
    let mut visits: Vec<_> = edits.iter().map(String::as_str).collect();
    visits.push("lost with the disk");
    assert_all_agree(&hub, &[&ann, &bob], &visits).await;
}

#[tokio::test]
async fn a_replica_whose_file_is_gone_gets_back_what_it_had_synced() {
    let (disk, hub, ann, bob) = cast().await;
    visit(&ann, "a1").await;
    settle(&hub, &[&ann, &bob]).await;
    disk.close(ann).await;
    disk.delete("ann");
    let ann = disk.replica("ann").await;
    assert_eq!(ann.get(&book()).await.unwrap(), None);
    sync(&ann, &hub).await;
    visit(&ann, "a2").await;
    let forks = assert_all_agree(&hub, &[&ann, &bob], &["a1", "a2"]).await;
    assert!(forks.is_empty(), "{forks:?}");
}

/// A disk, a hub, Ann, whose file is on the disk, and Bob.
async fn cast() -> (Disk, Hub, Replica, Replica) {
    let disk = Disk::new();
    let ann = disk.replica("ann").await;
    (disk, hub_in_memory(), ann, in_memory().await)
}
