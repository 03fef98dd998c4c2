//! Hubs that rule: what they refuse has no effect anywhere and holds nothing up, and what was dated
//! by a wrong clock gets another date, at everybody alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use synckit::block::{Block, BlockPacker};
use synckit::chain::CommitId;
use synckit::envelope::{Context, Envelope};
use synckit::hub::{Authority, Proposal, Rejection};
use synckit::id::{Dot, Position, SpaceId};
use synckit::key::ReplicaKey;
use synckit::replica::{LinkState, RejectedScope};
use synckit::ruling::{AUTHOR_BRANCHES_MAX, Standing};
use synckit::store::EventStore;
use synckit::testing::batch;
use synckit::{Hub, Replica, WallClock, registry};

use super::support::{
    Book, Disk, NOON, YEAR, assert_agree, book, line, set_by, settle, stands_at, sync, visit,
    way_to,
};

/// Refuses every commit whose payload says "spam".
fn no_spam(proposal: &Proposal) -> Result<(), Rejection> {
    let spam = |payload: &[u8]| payload.windows(4).any(|word| word == b"spam");
    if proposal.events.iter().any(|event| spam(&event.payload)) {
        return Err(Rejection::new("visit.spam", "visits do not advertise").unwrap());
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_edit_has_no_effect_anywhere_and_its_author_is_told() {
    let hub = hub().policy(no_spam).in_memory().unwrap();
    let (ann, bob) = (visitor().await, visitor().await);
    visit(&ann, "a1").await;
    visit(&ann, "spam").await;
    visit(&ann, "a2").await;
    visit(&bob, "b1").await;
    settle(&hub, &[&ann, &bob]).await;
    assert_agree(&[&ann, &bob], &["a1", "a2", "b1"]).await;

    let told = ann.rejected(Position::START).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].scope.author(), ann.id());
    assert_eq!(told[0].rejection.code(), "visit.spam");
    assert_eq!(told[0].rejection.reason(), "visits do not advertise");
    let RejectedScope::Commit { aggregate, .. } = &told[0].scope else { panic!("{told:?}") };
    assert_eq!(aggregate.kind.as_str(), "book");
    assert_eq!(bob.rejected(Position::START).await.unwrap()[0].scope, told[0].scope);
    assert_eq!(ann.rejected(told[0].position).await.unwrap(), []);
    assert_eq!(ann.parked(Position::START).await.unwrap(), []);
    assert_eq!(ann.status().await.unwrap().parked, 0);
}

#[tokio::test]
async fn what_a_refused_edit_says_goes_no_further_than_the_hub() {
    let disk = Disk::new();
    let open = || hub().policy(no_spam).open(disk.file("hub"));
    let (ann, bob) = (visitor().await, visitor().await);
    let hub = open().await.unwrap();
    for signature in ["a1", "spam 1", "a2", "spam 2"] {
        visit(&ann, signature).await;
    }
    settle(&hub, &[&ann, &bob]).await;
    assert_eq!((says_spam(ann.store()).await, says_spam(bob.store()).await), (true, false));
    assert!(!says_spam(&hub.store()).await);
    let told = bob.history(&book(), Position::START).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|it| (it.standing == Standing::Refused, it.event.is_err())).collect();
    assert!(told.iter().all(|(refused, taken_away)| refused == taken_away) && told.len() >= 4);
    hub.close().await.unwrap();
    let file = std::fs::read(disk.file("hub")).unwrap();
    assert!(!file.windows(6).any(|bytes| bytes == b"spam 1"), "it never was in the hub's file");

    // Those who have only the tombstones pass these on, with the refusals, to hubs that know of neither.
    let lenient = self::hub().in_memory().unwrap();
    let cleo = visitor().await;
    settle(&lenient, &[&bob, &cleo]).await;
    assert!(!says_spam(&lenient.store()).await && !says_spam(cleo.store()).await);
    // Whoever holds what they stand for changes nothing in that, nor does a hub that has lost its file.
    settle(&lenient, &[&ann, &cleo]).await;
    std::fs::remove_file(disk.file("hub")).unwrap();
    let hub = open().await.unwrap();
    settle(&hub, &[&cleo, &ann, &bob]).await;
    assert!(!says_spam(&hub.store()).await && !says_spam(cleo.store()).await);
    assert_agree(&[&ann, &bob, &cleo], &["a1", "a2"]).await;
    visit(&ann, "a3").await;
    settle(&hub, &[&ann, &bob, &cleo]).await;
    assert_agree(&[&ann, &bob, &cleo], &["a1", "a2", "a3"]).await;
    assert_eq!(cleo.rejected(Position::START).await.unwrap().len(), 2);
}

/// True if a log holds what one of the refused edits says.
async fn says_spam(store: &EventStore) -> bool {
    let page = store.read_after(&space(), Position::START).await.unwrap();
    assert_eq!(page.through, page.head);
    let mut blocks = page.blocks.iter().map(|log| log.block.bytes());
    blocks.any(|bytes| bytes.windows(5).any(|word| word == b"spam "))
}

#[tokio::test]
async fn what_is_refused_while_a_link_is_live_is_told_as_it_becomes_known() {
    let hub = hub().policy(no_spam).in_memory().unwrap();
    let (ann, bob) = (visitor().await, visitor().await);
    let mut links = [&ann, &bob].map(|replica| replica.connect(way_to(&hub)).unwrap());
    for link in &mut links {
        link.wait_for(|status| status.state == LinkState::Live).await;
    }
    let mut refused = ann.rejections(Position::START);
    let mut seen = bob.watch(&book()).unwrap();
    for round in ["spam 1", "spam 2", "spam 3"] {
        visit(&ann, round).await;
        let told = refused.next().await.unwrap();
        let commit = told.scope.commit().unwrap();
        assert_eq!(commit.author, ann.id());
        assert_eq!(commit.seq, ann.status().await.unwrap().own_events);
    }
    visit(&ann, "at last").await;
    while seen.next().await.unwrap().unwrap().line != "at last" {}
    ann.catch_up().await.unwrap();
    assert_agree(&[&ann, &bob], &["at last"]).await;
    for link in links {
        link.end().await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_that_comes_late_undoes_what_others_have_seen_by_then() {
    let (strict, lenient) =
        (hub().policy(no_spam).in_memory().unwrap(), hub().in_memory().unwrap());
    let (ann, bob) = (visitor().await, visitor().await);
    visit(&ann, "spam").await;
    settle(&lenient, &[&ann, &bob]).await;
    visit(&bob, "b1").await;
    assert_agree(&[&ann], &["spam"]).await;
    settle(&strict, &[&ann, &bob]).await;
    // The lenient hub learns of it by whoever comes next.
    settle(&lenient, &[&ann, &bob]).await;
    let newcomer = visitor().await;
    sync(&newcomer, &lenient).await;
    assert_agree(&[&ann, &bob, &newcomer], &["b1"]).await;
}

#[tokio::test]
async fn a_replica_opened_again_still_knows_what_was_refused() {
    let disk = Disk::new();
    let hub = hub().policy(no_spam).in_memory().unwrap();
    let open = |name: &str| {
        Replica::builder().registry(registry![Book]).space(space()).open(disk.file(name))
    };
    let (ann, mut bob) = (visitor().await, open("bob").await.unwrap());
    visit(&ann, "spam").await;
    visit(&ann, "a1").await;
    settle(&hub, &[&ann, &bob]).await;
    bob.close().await.unwrap();
    bob = open("bob").await.unwrap();
    visit(&bob, "spam of bob's").await;
    visit(&bob, "b1").await;
    bob.close().await.unwrap();
    bob = open("bob").await.unwrap();
    settle(&hub, &[&bob, &ann]).await;
    assert_agree(&[&ann, &bob], &["a1", "b1"]).await;
    bob.close().await.unwrap();
    bob = open("bob").await.unwrap();
    assert_agree(&[&ann, &bob], &["a1", "b1"]).await;
    assert_eq!(bob.rejected(Position::START).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_hub_restored_from_a_copy_rules_on_and_gets_back_what_it_had_ruled() {
    let disk = Disk::new();
    let open = || hub().policy(no_spam).open(disk.file("hub"));
    let (ann, bob) = (visitor().await, visitor().await);
    let hub = open().await.unwrap();
    visit(&ann, "spam 1").await;
    settle(&hub, &[&ann]).await;
    hub.close().await.unwrap();
    disk.copy("hub", "yesterday");
    let hub = open().await.unwrap();
    visit(&ann, "spam 2").await;
    visit(&ann, "a1").await;
    settle(&hub, &[&ann, &bob]).await;
    hub.close().await.unwrap();
    disk.copy("yesterday", "hub");
    let hub = open().await.unwrap();
    visit(&bob, "spam 3").await;
    visit(&bob, "b1").await;
    settle(&hub, &[&bob, &ann]).await;
    let newcomer = visitor().await;
    sync(&newcomer, &hub).await;
    assert_agree(&[&ann, &bob, &newcomer], &["a1", "b1"]).await;
    let told = newcomer.rejected(Position::START).await.unwrap();
    assert_eq!(told.len(), 3, "{told:#?}");
}

#[tokio::test]
async fn a_write_dated_a_year_ahead_does_not_win_over_later_ones() {
    let hub = hub().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let (ahead, bob) = (clocked(stands_at(NOON + YEAR)).await, clocked(stands_at(NOON + 1)).await);
    visit(&ahead, "dated ahead").await;
    visit(&bob, "later").await;
    settle(&hub, &[&ahead, &bob]).await;
    assert_agree(&[&ahead, &bob], &["dated ahead", "later"]).await;
    assert_eq!((line(&ahead).await, line(&bob).await), ("later".into(), "later".into()));
}

#[tokio::test]
async fn edits_made_on_top_of_a_re_dated_one_stay_on_top_of_it() {
    let time = Arc::new(AtomicU64::new(NOON + YEAR));
    let hub = hub().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let (ann, bob) = (clocked(set_by(&time)).await, clocked(stands_at(NOON)).await);
    let visits: Vec<_> = (0..20).map(|n| format!("a{n}")).collect();
    for signature in &visits {
        visit(&ann, signature).await;
    }
    time.store(NOON, Ordering::SeqCst);
    settle(&hub, &[&ann, &bob]).await;
    assert_eq!((line(&ann).await, line(&bob).await), ("a19".into(), "a19".into()));
    visit(&bob, "b1").await;
    settle(&hub, &[&ann, &bob]).await;
    let mut visits: Vec<_> = visits.iter().map(String::as_str).collect();
    visits.push("b1");
    assert_agree(&[&ann, &bob], &visits).await;
    assert_eq!(line(&ann).await, "b1");
}

#[tokio::test]
async fn a_thousand_edits_of_a_day_with_a_wrong_clock_arrive_in_one_sync() {
    let time = Arc::new(AtomicU64::new(NOON + YEAR));
    let hub = hub().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let (ann, bob) = (clocked(set_by(&time)).await, clocked(stands_at(NOON)).await);
    let visits: Vec<_> = (0..1_000).map(|n| format!("a{n:04}")).collect();
    for signature in &visits {
        visit(&ann, signature).await;
    }
    sync(&ann, &hub).await;
    sync(&bob, &hub).await;
    let visits: Vec<_> = visits.iter().map(String::as_str).collect();
    assert_agree(&[&ann, &bob], &visits).await;
    assert_eq!((line(&ann).await, line(&bob).await), ("a0999".into(), "a0999".into()));
    let ruled = hub.store().rulings(&space(), Position(u64::MAX)).await.unwrap();
    assert_eq!(ruled.len(), 1_000);
}

#[tokio::test]
async fn a_device_whose_clock_is_fast_is_re_dated_once_and_not_for_every_edit() {
    let hub = hub().wall_clock(stands_at(NOON)).in_memory().unwrap();
    let ann = clocked(stands_at(NOON + YEAR)).await;
    for signature in ["a1", "a2", "a3", "a4"] {
        visit(&ann, signature).await;
        sync(&ann, &hub).await;
    }
    let ruled = hub.store().rulings(&space(), Position(u64::MAX)).await.unwrap();
    assert_eq!(ruled.len(), 1, "{ruled:?}");
    assert_agree(&[&ann], &["a1", "a2", "a3", "a4"]).await;
    assert_eq!(line(&ann).await, "a4");
}

#[tokio::test]
async fn a_hub_that_was_slow_for_a_moment_changes_no_more_than_who_was_last() {
    let time = Arc::new(AtomicU64::new(NOON - YEAR));
    let hub = hub().wall_clock(set_by(&time)).in_memory().unwrap();
    let (ann, bob) = (clocked(stands_at(NOON)).await, clocked(stands_at(NOON)).await);
    visit(&ann, "a1").await;
    sync(&ann, &hub).await;
    time.store(NOON, Ordering::SeqCst);
    visit(&bob, "b1").await;
    visit(&ann, "a2").await;
    settle(&hub, &[&ann, &bob]).await;
    assert_agree(&[&ann, &bob], &["a1", "a2", "b1"]).await;
}

#[tokio::test]
async fn a_hub_with_a_policy_takes_nothing_where_it_could_not_refuse() {
    let hub = hub().policy(no_spam).in_memory().unwrap();
    let stranger = Replica::builder().registry(registry![Book]).in_memory().await.unwrap();
    visit(&stranger, "spam").await;
    let error = stranger.sync_once(way_to(&hub)).await.unwrap_err();
    assert!(error.to_string().contains("name the space as its authority does"), "{error}");
    assert_eq!(hub.store().head(stranger.space()).await.unwrap(), Position::START);
}

#[tokio::test]
async fn a_key_under_which_hundreds_of_copies_write_is_closed_and_nobody_is_held_up() {
    let copies = copies(AUTHOR_BRANCHES_MAX + 10).await;
    let author = copies[0].runs()[0].replica;
    let carrier = carrying(&copies).await;
    let hub = hub().in_memory().unwrap();
    let bob = visitor().await;
    visit(&bob, "b1").await;
    sync(&bob, &hub).await;
    visit(&carrier, "c1").await;
    settle(&hub, &[&carrier, &bob]).await;
    let mut counted: Vec<_> = (0..AUTHOR_BRANCHES_MAX).map(|n| format!("copy {n}")).collect();
    counted.extend(["before", "b1", "c1"].map(str::to_owned));
    let counted: Vec<_> = counted.iter().map(String::as_str).collect();
    assert_agree(&[&carrier, &bob], &counted).await;

    let told = carrier.rejected(Position::START).await.unwrap();
    assert_eq!(told.len(), 1);
    let RejectedScope::Key { author: closed, heads } = &told[0].scope else { panic!("{told:?}") };
    assert_eq!((*closed, heads.len()), (author, AUTHOR_BRANCHES_MAX));
    assert_eq!(told[0].rejection.code(), "key.closed");

    // Whatever comes of it later has no effect either, and everybody goes on.
    let late = carrying(&self::copies(AUTHOR_BRANCHES_MAX + 11).await).await;
    visit(&late, "d1").await;
    visit(&bob, "b2").await;
    settle(&hub, &[&late, &bob, &carrier]).await;
    let counted = [&counted[..], &["d1", "b2"]].concat();
    assert_agree(&[&carrier, &bob, &late], &counted).await;
    assert_eq!(late.rejected(Position::START).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_hubs_that_close_one_key_leave_what_both_had_taken() {
    let copies = copies(2 * AUTHOR_BRANCHES_MAX).await;
    let (one, two) = (hub().in_memory().unwrap(), hub().in_memory().unwrap());
    let shared = AUTHOR_BRANCHES_MAX / 2;
    let others = [&copies[..=shared], &copies[AUTHOR_BRANCHES_MAX + 1..]].concat();
    let (ann, bob) = (carrying(&copies[..=AUTHOR_BRANCHES_MAX + 1]).await, carrying(&others).await);
    settle(&one, &[&ann]).await;
    settle(&two, &[&bob]).await;
    for hub in [&one, &two, &one] {
        settle(hub, &[&ann, &bob]).await;
    }
    let mut counted: Vec<_> = (0..shared).map(|n| format!("copy {n}")).collect();
    counted.push("before".to_owned());
    let counted: Vec<_> = counted.iter().map(String::as_str).collect();
    assert_agree(&[&ann, &bob], &counted).await;
    let newcomer = visitor().await;
    sync(&newcomer, &two).await;
    assert_agree(&[&ann, &bob, &newcomer], &counted).await;
}

/// The commit "before" of one key, then what so many stores that were copied after it wrote, each
/// of them "copy" and its number.
async fn copies(count: usize) -> Vec<Block> {
    let key = ReplicaKey::from_seed(&[9; ReplicaKey::SEED_LEN]);
    let scribe = visitor().await;
    let mut blocks = Vec::new();
    let mut before = CommitId::root(&space(), key.id());
    for nth in 0..=count {
        let signature = nth.checked_sub(1).map_or("before".to_owned(), |n| format!("copy {n}"));
        visit(&scribe, &signature).await;
        let log = scribe.store().read_after(&space(), Position(3 * nth as u64)).await.unwrap();
        let events = log.blocks[0].block.entries().map(|entry| entry.envelope());
        let commit: Vec<_> = (before.seq + 1..)
            .zip(events)
            .map(|(seq, event)| Envelope {
                dot: Dot { replica: key.id(), seq },
                context: Context::new(),
                ..event
            })
            .collect();
        let mut packer = BlockPacker::new(space());
        let end = packer.push_commit(&before, nth as u64, &commit).unwrap();
        blocks.push(packer.finish(|end| end.sign(&key)).unwrap());
        if nth == 0 {
            before = end;
        }
    }
    blocks
}

/// A replica that holds what others have written.
async fn carrying(blocks: &[Block]) -> Replica {
    let store = Arc::new(EventStore::in_memory().unwrap());
    store.commit(batch(blocks)).await.unwrap();
    let builder = Replica::builder().registry(registry![Book]).space(space());
    builder.over(store).await.unwrap()
}

fn hub() -> synckit::hub::HubBuilder {
    Hub::builder().authority(authority())
}

fn authority() -> Authority {
    Authority::from_seed(&[7; 32])
}

fn space() -> SpaceId {
    authority().space("visits").unwrap()
}

async fn visitor() -> Replica {
    clocked(WallClock::default()).await
}

async fn clocked(clock: WallClock) -> Replica {
    let builder = Replica::builder().registry(registry![Book]).space(space());
    builder.wall_clock(clock).in_memory().await.unwrap()
}
