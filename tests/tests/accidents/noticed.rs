//! Copies that are noticed when they are opened: they write under a key of their own, and no fork
//! comes of them. Everything else goes on under its key.

use std::fs;
use std::path::PathBuf;

use synckit::{ErrorKind, Replica};

use super::support::{
    Disk, assert_agree, assert_all_agree, hub_in_memory, in_memory, settle, sync, visit,
};

#[tokio::test]
async fn a_store_that_is_opened_again_and_again_keeps_its_key() {
    let disk = Disk::that_notices_copies();
    let ann = disk.replica("ann").await;
    let me = ann.id();
    disk.close(ann).await;
    for n in 0..5 {
        let ann = disk.replica("ann").await;
        visit(&ann, &format!("visit {n}")).await;
        assert_eq!((ann.id(), earlier_keys(&ann).await), (me, 0));
        disk.close(ann).await;
    }
}

#[tokio::test]
async fn a_store_that_no_opening_left_word_in_is_taken_for_the_same() {
    // As an earlier version, or a crash right after it was made, leaves it.
    let (bare, disk) = (Disk::new(), Disk::that_notices_copies());
    let ann = bare.replica("ann").await;
    let me = ann.id();
    bare.close(ann).await;
    fs::rename(bare.file("ann"), disk.file("ann")).unwrap();
    for _ in 0..2 {
        let ann = disk.replica("ann").await;
        assert_eq!(ann.id(), me);
        disk.close(ann).await;
    }
}

#[tokio::test]
async fn a_restored_device_writes_on_under_another_key_and_nothing_forks() {
    let disk = Disk::that_notices_copies();
    let (hub, bob) = (hub_in_memory(), in_memory().await);
    let ann = disk.replica("ann").await;
    visit(&ann, "a1").await;
    let ann = disk.back_up(ann, "ann", "backup").await;
    visit(&ann, "a2, lost with the disk").await;
    settle(&hub, &[&ann, &bob]).await;
    let me = ann.id();
    // The copy is written over the file: the same inode, made at the same time.
    let ann = disk.restore(ann, "ann", "backup").await;
    assert_ne!(ann.id(), me);
    assert_eq!(earlier_keys(&ann).await, 1);
    visit(&ann, "a3, before she met anybody").await;
    let visits = ["a1", "a2, lost with the disk", "a3, before she met anybody"];
    assert!(assert_all_agree(&hub, &[&ann, &bob], &visits).await.is_empty());
}

#[tokio::test]
async fn a_backup_that_is_newer_than_everything_since_is_the_file_itself() {
    let disk = Disk::that_notices_copies();
    let ann = disk.replica("ann").await;
    visit(&ann, "a1").await;
    let me = ann.id();
    disk.close(ann).await;
    disk.copy("ann", "backup");
    disk.copy("backup", "ann");
    let ann = disk.replica("ann").await;
    assert_eq!(ann.id(), me, "it holds all that was ever written");
}

#[tokio::test]
async fn a_cloned_device_writes_under_a_key_of_its_own_from_the_beginning() {
    let disk = Disk::that_notices_copies();
    let hub = hub_in_memory();
    let ann = disk.replica("ann").await;
    visit(&ann, "before").await;
    let ann = disk.back_up(ann, "ann", "clone").await;
    let clone = disk.replica("clone").await;
    assert_ne!(clone.id(), ann.id());
    visit(&ann, "ann's").await;
    visit(&clone, "the clone's").await;
    let visits = ["ann's", "before", "the clone's"];
    assert!(assert_all_agree(&hub, &[&ann, &clone], &visits).await.is_empty());
}

#[tokio::test]
async fn a_template_shipped_with_an_app_is_a_fresh_key_for_each_installation() {
    let disk = Disk::that_notices_copies();
    let hub = hub_in_memory();
    let template = disk.replica("template").await;
    visit(&template, "shipped").await;
    let mut keys = vec![template.id()];
    disk.close(template).await;
    let mut installed = Vec::new();
    for name in ["ann", "bob", "cleo", "dan"] {
        disk.copy("template", name);
        let replica = disk.replica(name).await;
        visit(&replica, &format!("{name}'s first")).await;
        keys.push(replica.id());
        // The next start of the app is an ordinary one.
        disk.close(replica).await;
        let replica = disk.replica(name).await;
        assert_eq!(Some(&replica.id()), keys.last());
        installed.push(replica);
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 5);
    let replicas: Vec<_> = installed.iter().collect();
    let visits = ["ann's first", "bob's first", "cleo's first", "dan's first", "shipped"];
    assert!(assert_all_agree(&hub, &replicas, &visits).await.is_empty());
}

#[tokio::test]
async fn a_file_moved_with_what_stands_beside_it_is_the_same_store() {
    let disk = Disk::that_notices_copies();
    let ann = disk.replica("ann").await;
    let me = ann.id();
    disk.close(ann).await;
    fs::rename(beside(&disk, "ann"), beside(&disk, "moved")).unwrap();
    fs::rename(disk.file("ann"), disk.file("moved")).unwrap();
    let ann = disk.replica("moved").await;
    assert_eq!(ann.id(), me);
}

#[tokio::test]
async fn a_file_moved_alone_costs_a_key_and_nothing_else() {
    let disk = Disk::that_notices_copies();
    let hub = hub_in_memory();
    let ann = disk.replica("ann").await;
    visit(&ann, "a1").await;
    sync(&ann, &hub).await;
    let ann = disk.back_up(ann, "ann", "not used").await;
    visit(&ann, "a2, not synced").await;
    disk.close(ann).await;
    fs::rename(disk.file("ann"), disk.file("moved")).unwrap();
    let ann = disk.replica("moved").await;
    assert_agree(&[&ann], &["a1", "a2, not synced"]).await;
    visit(&ann, "a3").await;
    let forks = assert_all_agree(&hub, &[&ann], &["a1", "a2, not synced", "a3"]).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn a_hub_that_was_copied_is_another_hub() {
    let disk = Disk::that_notices_copies();
    let one = disk.hub("one").await;
    let one = disk.back_up_hub(one, "one", "two").await;
    let two = disk.hub("two").await;
    assert_ne!(one.store().key().id(), two.store().key().id());
    let ann = in_memory().await;
    visit(&ann, "a1").await;
    sync(&ann, &one).await;
    assert_all_agree(&two, &[&ann], &["a1"]).await;
}

#[tokio::test]
async fn whatever_stands_beside_a_file_it_opens() {
    let disk = Disk::that_notices_copies();
    let ann = disk.replica("ann").await;
    visit(&ann, "a1").await;
    disk.close(ann).await;
    let words = [&b""[..], b"garbage", &[0xff; 100_000], b"synckit store, last opened as zz\n"];
    for word in words {
        fs::write(beside(&disk, "ann"), word).unwrap();
        let ann = disk.replica("ann").await;
        assert_agree(&[&ann], &["a1"]).await;
        disk.close(ann).await;
    }
    // Where nothing can be written beside it, the file alone has to tell.
    fs::remove_file(beside(&disk, "ann")).unwrap();
    fs::create_dir(beside(&disk, "ann")).unwrap();
    disk.close(disk.replica("ann").await).await;
    let ann = disk.replica("ann").await;
    let me = ann.id();
    disk.close(ann).await;
    assert_eq!(disk.replica("ann").await.id(), me);
}

#[tokio::test]
async fn a_file_that_is_open_is_not_taken_for_a_copy_of_itself() {
    let disk = Disk::that_notices_copies();
    let ann = disk.replica("ann").await;
    let me = ann.id();
    let again = Replica::builder().open(disk.file("ann")).await;
    assert!(matches!(again.unwrap_err().kind(), ErrorKind::Store(_)));
    visit(&ann, "a1").await;
    disk.close(ann).await;
    assert_eq!(disk.replica("ann").await.id(), me);
}

async fn earlier_keys(replica: &Replica) -> u32 {
    replica.status().await.unwrap().earlier_keys
}

/// The file in which an opening leaves word for the next one.
fn beside(disk: &Disk, name: &str) -> PathBuf {
    disk.file(name).with_file_name(format!(".{name}.redb.opening"))
}
