//! Limits hold wherever values come from, and nothing panics or prints (defects 13, 15 and 16).

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use synckit::block::{Block, BlockPacker, SIGNATURE_LEN};
use synckit::chain::CommitId;
use synckit::clock::{Hlc, UnixMillis};
use synckit::envelope::{CONTEXT_ROWS_MAX, Context, Envelope, Metadata, Seen};
use synckit::event::EventRef;
use synckit::id::{AggregateId, Dot, Key, Name, ReplicaId, SpaceId};
use synckit::sync::Backoff;
use synckit::vector::{VECTOR_REPLICAS_MAX, VectorClock};
use synckit::{Id, Replica, registry};

use super::support::{Note, hub, replica};

/// Defect 13: a second subscriber, a null clock and a zero interval panicked; a notifier
/// busy-looped.
#[tokio::test]
async fn defect_13_many_subscribers_and_zero_intervals_are_fine() {
    let ann = replica().await;
    let id = Id::<Note>::named("watched").unwrap();
    let mut watches = [ann.watch(&id).unwrap(), ann.watch(&id).unwrap(), ann.watch(&id).unwrap()];
    ann.edit(&id, |note| note.visits.add(1)).await.unwrap();
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().visits, 1);
        let again = tokio::time::timeout(Duration::from_millis(20), watch.next()).await;
        assert!(again.is_err(), "a watch woke although nothing had changed");
    }
    let mut backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
    assert!(backoff.failed(0) > Duration::ZERO);
}

/// Defect 13: nothing registered, nothing recorded, nothing there.
#[tokio::test]
async fn defect_13_empty_edits_and_unknown_types_are_fine() {
    let (_hub, way) = hub();
    let ann = replica().await;
    let id = Id::<Note>::named("empty").unwrap();
    assert_eq!(ann.edit(&id, |_| {}).await.unwrap().events, 0);
    assert_eq!(ann.get(&id).await.unwrap(), None);
    ann.edit(&id, |note| note.visits.add(1)).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    let blank = Replica::builder().registry(registry![]).in_memory().await.unwrap();
    blank.sync_once(way).await.unwrap();
    assert_eq!(blank.status().await.unwrap().parked, 1);
}

/// Defect 15: limits on vector clocks held for constructors, not for parsers.
#[test]
fn defect_15_limits_hold_for_parsers_too() {
    let mut full = VectorClock::new();
    for n in 0..VECTOR_REPLICAS_MAX {
        full.advance(Dot { replica: id_of(n), seq: 1 }).unwrap();
    }
    assert!(full.advance(Dot { replica: id_of(VECTOR_REPLICAS_MAX), seq: 1 }).is_err());

    // A context longer than any author may write cannot be packed, so no parser ever lets it in.
    let space = SpaceId::default();
    let seen = (1..=CONTEXT_ROWS_MAX + 1).map(|n| {
        let on = CommitId { seq: 1, ..CommitId::root(&space, id_of(n)) };
        Seen { on, seq: 1 }
    });
    let root = CommitId::root(&space, id_of(0));
    let mut packer = BlockPacker::new(space.clone());
    assert!(packer.push_commit(&root, 0, &[envelope(Context::of(seen))]).is_err());

    let mut packer = BlockPacker::new(space);
    packer.push_commit(&root, 0, &[envelope(Context::new())]).unwrap();
    let sound = packer.finish(|_| [0; SIGNATURE_LEN]).unwrap();
    assert!(Block::parse(sound.bytes().clone()).is_ok());
    assert!(Block::parse(Bytes::from(vec![0; synckit::block::BLOCK_BYTES_MAX + 1])).is_err());
}

/// Defect 16: programs in the README did not compile, and the library printed on every operation.
#[test]
fn defect_16_the_readme_is_compiled_and_the_library_prints_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let lib = std::fs::read_to_string(root.join("synckit/src/lib.rs")).unwrap();
    assert!(lib.contains("#![doc = include_str!(\"../README.md\")]"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let programs: Vec<_> = readme.split("```rust").skip(1).collect();
    assert!(!programs.is_empty());
    assert!(programs.iter().all(|program| !program.starts_with(",ignore") && !program.starts_with(",compile_fail")));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for lint in ["print_stdout = \"warn\"", "print_stderr = \"warn\"", "dbg_macro = \"warn\""] {
        assert!(manifest.contains(lint), "{lint}");
    }
}

fn id_of(n: usize) -> ReplicaId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    ReplicaId::from_bytes(bytes)
}

fn envelope(context: Context) -> Envelope {
    let name = Name::new("note.title_set").unwrap();
    Envelope {
        dot: Dot { replica: id_of(0), seq: 1 },
        aggregate: AggregateId { kind: Name::new("note").unwrap(), key: Key::new(b"k").unwrap() },
        event: EventRef { name, version: 1, min_reader: 1 },
        hlc: Hlc::new(UnixMillis::new(1_000), 0),
        context,
        last: true,
        metadata: Metadata::new(),
        extensions: Bytes::new(),
        payload: Bytes::new(),
        tombstone: false,
    }
}
