//! Rulings: what counts, what does not, and in which order.

use bytes::Bytes;

use super::control::INVALID;
use super::*;
use crate::block::BlockPacker;
use crate::block::tests::{Author, seal_in};
use crate::branch::Branch;
use crate::clock::{CLOCK_AHEAD_MAX, UnixMillis};
use crate::envelope::{Context, Envelope, Metadata};
use crate::event::EventRef;
use crate::id::{Dot, Key, Name};
use crate::log::bury;
use crate::wire::WireError;

const NOON: u64 = 1_780_000_000_000;

#[test]
fn a_refusal_counts_if_the_authority_of_the_space_certified_the_hub() {
    let (hub, commit) = (key(1), commit(9, 4));
    let ruled = [refusal(commit)];
    let mut rulings = Rulings::new();
    assert_eq!(rulings.note(&written(&authority(), &hub, &ruled)), [commit]);
    assert!(rulings.refuses(&commit) && !rulings.is_empty());
    assert_eq!(rulings.note(&written(&authority(), &hub, &ruled)), [], "twice is once");

    let other = Authority::from_seed(&[8; 32]);
    let mut rulings = Rulings::new();
    assert_eq!(rulings.note(&written(&other, &hub, &ruled)), []);
    assert!(rulings.is_empty());
}

#[test]
fn a_tombstone_counts_for_nothing_even_where_the_refusal_is_lost() {
    let mut ann = Author::in_space("ann", &space());
    let [milk, tea] = ["milk", "tea"].map(|text| ann.write(&[text], &[]));
    let block = seal_in(space(), &[&milk, &tea]);
    let on_first = |_| BranchNo(0);
    assert_eq!(Rulings::new().of(&block, on_first), None);
    let buried = bury(&block, &BTreeSet::from([milk.id]));
    let standings = vec![Standing::Refused, Standing::AsWritten];
    assert_eq!(Rulings::new().of(&buried, on_first), Some(standings));
}

#[test]
fn a_certificate_holds_for_one_hub_in_one_space() {
    let space = space();
    let certificate = authority().certify(&space, &key(1).id());
    assert!(certificate.holds(&space, &key(1).id()));
    assert!(!certificate.holds(&space, &key(2).id()));
    assert!(!certificate.holds(&authority().space("other").unwrap(), &key(1).id()));
    assert!(!certificate.holds(&SpaceId::default(), &key(1).id()));
}

#[test]
fn a_stolen_certificate_and_a_later_true_one_make_no_hub_of_anybody() {
    // Somebody writes control events that carry another hub's certificate.
    let (hub, thief) = (key(1), key(2));
    let certificate = authority().certify(&space(), &hub.id());
    let (event, payload) = refusal(commit(9, 4)).write(certificate).unwrap();
    let block = block_of(&thief, Control::aggregate(&thief.id()).unwrap(), event, payload);
    let mut rulings = Rulings::new();
    assert_eq!(rulings.note(&block), []);
    // Even once the thief is certified, what it wrote before does not count.
    rulings.note(&written(&authority(), &thief, &[refusal(commit(9, 5))]));
    assert_eq!(rulings.note(&block), []);
    assert!(!rulings.refuses(&commit(9, 4)));
}

#[test]
fn of_several_dates_the_least_is_in_force_in_whatever_order_they_come() {
    let [one, two] = [(1, 50), (2, 40)].map(|(hub, at)| {
        let date = Redating { commit: commit(9, 4), written: stamp(90), at: stamp(at) };
        written(&authority(), &key(hub), &[Control::Redated(vec![date])])
    });
    let (mut first, mut second) = (Rulings::new(), Rulings::new());
    assert_eq!(first.note(&one), [commit(9, 4)]);
    assert_eq!(first.note(&two), [commit(9, 4)]);
    assert_eq!(second.note(&two), [commit(9, 4)]);
    assert_eq!(second.note(&one), []);
    assert_eq!(first.date(&commit(9, 4)), Some(stamp(40)));
    assert_eq!(first.date(&commit(9, 4)), second.date(&commit(9, 4)));
}

#[test]
fn a_ruling_names_one_branch_and_not_the_other() {
    let mut rulings = Rulings::new();
    let twin = CommitId { chain: Chain::from_bytes([77; 32]), ..commit(9, 4) };
    rulings.note(&written(&authority(), &key(1), &[refusal(commit(9, 4))]));
    assert!(!rulings.refuses(&twin));
}

#[test]
fn what_is_dated_too_far_ahead_gets_the_hubs_time_and_stays_behind_what_its_author_saw() {
    let rule = |suspects: &[Suspect]| {
        let ruled = Governor::rule(&Rulings::new(), suspects, UnixMillis::new(NOON));
        ruled.into_iter().find_map(|control| match control {
            Control::Redated(dates) => Some(dates.iter().map(|date| date.at).collect::<Vec<_>>()),
            Control::Refused(_) | Control::Closed(_) => None,
        })
    };
    let edge = u64::try_from(CLOCK_AHEAD_MAX.as_millis()).unwrap();
    assert_eq!(rule(&[suspect(4, edge)]), None);
    assert_eq!(rule(&[suspect(4, edge + 1)]), Some(vec![stamp(0)]));
    // One after the other they keep their order.
    let next = Hlc::from_bits(stamp(0).to_bits() + 1);
    let (one, mut two) = (suspect(4, 2 * edge), suspect(5, 2 * edge));
    two.seen = vec![(one.commit, one.written)];
    assert_eq!(rule(&[one, two.clone()]), Some(vec![stamp(0), next]));
    // Whoever answers an event that is itself ahead is not re-dated below it.
    two.seen = vec![(commit(8, 1), stamp(2 * edge - 1))];
    let after = Hlc::from_bits(stamp(2 * edge - 1).to_bits() + 1);
    assert_eq!(rule(&[two]), Some(vec![after]));
    let mut answer = suspect(5, 2 * edge);
    answer.written = after;
    answer.seen = vec![(commit(8, 1), stamp(2 * edge - 1))];
    assert_eq!(rule(&[answer]), None);
}

#[test]
fn a_refused_commit_lets_no_later_one_pass() {
    let mut spam = suspect(4, 1 << 40);
    spam.rejection = Some(Rejection::new("code", "reason").unwrap());
    let mut next = suspect(5, (1 << 40) + 1);
    next.seen = vec![(spam.commit, spam.written)];
    let dated = |ruled: &[Control]| match ruled {
        [.., Control::Redated(dates)] => Some((dates[0].commit, dates[0].at)),
        _ => None,
    };
    let wall = UnixMillis::new(NOON);
    let ruled = Governor::rule(&Rulings::new(), &[spam, next.clone()], wall);
    assert_eq!(dated(&ruled), Some((next.commit, stamp(0))));
    let mut rulings = Rulings::new();
    rulings.note(&written(&authority(), &key(1), &ruled[..1]));
    assert_eq!(
        dated(&Governor::rule(&rulings, &[next.clone()], wall)),
        Some((next.commit, stamp(0)))
    );
}

#[test]
fn what_is_refused_is_not_dated_and_what_was_refused_is_not_refused_again() {
    let mut rulings = Rulings::new();
    let mut suspect = suspect(4, 1 << 40);
    suspect.rejection = Some(Rejection::new("code", "reason").unwrap());
    let ruled = Governor::rule(&rulings, std::slice::from_ref(&suspect), UnixMillis::new(NOON));
    assert!(matches!(&ruled[..], [Control::Refused(_)]));
    rulings.note(&written(&authority(), &key(1), &ruled));
    assert_eq!(Governor::rule(&rulings, &[suspect], UnixMillis::new(NOON)), []);
}

#[test]
fn more_rulings_than_one_event_and_one_block_hold_are_written_in_several() {
    let dates = (1..=3 * 1_024_u64).map(|seq| Redating {
        commit: commit(9, seq),
        written: stamp(90),
        at: stamp(seq),
    });
    let suspects: Vec<_> = dates
        .map(|date| Suspect { commit: date.commit, ..suspect(date.commit.seq, 1 << 40) })
        .collect();
    let mut ruled = Governor::rule(&Rulings::new(), &suspects, UnixMillis::new(NOON));
    assert_eq!(ruled.len(), 3);
    ruled.extend((1..=4_096).map(|seq| refusal(commit(7, seq))));
    let blocks = blocks_of(&authority(), &key(1), &ruled);
    assert!(blocks.len() > 1);
    let mut rulings = Rulings::new();
    for block in &blocks {
        block.check_authors().unwrap();
        rulings.note(block);
    }
    assert_eq!(rulings.len(), 3 * 1_024 + 4_096);
}

#[test]
fn control_events_are_read_as_they_were_written_and_nothing_else_is() {
    let certificate = authority().certify(&space(), &key(1).id());
    let (event, payload) = refusal(commit(9, 4)).write(certificate).unwrap();
    let aggregate = Control::aggregate(&key(1).id()).unwrap();
    let read = |event: EventRef, payload: Bytes| {
        let block = block_of(&key(1), aggregate.clone(), event, payload);
        Rulings::new().controls(&block).into_iter().map(|(_, control)| control).next()
    };
    assert_eq!(read(event.clone(), payload.clone()), Some(refusal(commit(9, 4))));
    for cut in 0..payload.len() {
        assert_eq!(read(event.clone(), payload.slice(..cut)), None, "{cut}");
    }
    let later = EventRef { version: 2, ..event.clone() };
    assert_eq!(read(later, payload.clone()), None);
    let unknown = EventRef { name: Name::new("synckit.other").unwrap(), ..event };
    assert_eq!(read(unknown, payload), None);
    assert!(Rejection::new("", "reason").is_err() && Rejection::new("code", "").is_err());
    assert!(Rejection::new("code", &"r".repeat(REJECTION_BYTES_MAX + 1)).is_err());
    assert_eq!(INVALID.to_string(), WireError::Invalid { expected: "control event" }.to_string());
}

#[test]
fn of_a_closed_key_what_every_closing_leaves_counts_in_whatever_order_they_come() {
    // Branch 0 goes to number 9, branch 1 leaves it after 4, branch 2 leaves that one after 6.
    let mut branches = Branches::new();
    let heads = [commit(9, 9), commit(9, 8), commit(9, 7)];
    let of = |head, leaves| Branch { head, first: head.chain, leaves, forks: Vec::new() };
    branches.set(BranchNo(0), of(heads[0], None)).unwrap();
    branches.set(BranchNo(1), of(heads[1], Some((BranchNo(0), 4)))).unwrap();
    branches.set(BranchNo(2), of(heads[2], Some((BranchNo(1), 6)))).unwrap();
    let close = |hub, on: &[usize]| {
        let author = heads[0].author;
        let mut last: Vec<_> = on.iter().map(|on| heads[*on]).collect();
        last.sort_unstable();
        let closing = Closing { author, heads: last };
        let block = written(&authority(), &key(hub), &[Control::Closed(closing.clone())]);
        let read = Rulings::new().controls(&block);
        assert_eq!(read, [(0, Control::Closed(closing))]);
        let place = |anchor| heads.iter().position(|head| head == anchor).unwrap();
        let no = |index| Anchor::on(BranchNo(u32::try_from(index).unwrap()));
        let anchors: Vec<_> = block.anchors().iter().map(place).map(no).collect();
        move |rulings: &mut Rulings| rulings.close(&block, &anchors, &branches).len()
    };
    let (one, two) = (close.clone()(1, &[0, 2]), close(2, &[1, 2]));
    let (mut first, mut second) = (Rulings::new(), Rulings::new());
    assert_eq!((one(&mut first), two(&mut first), two(&mut first)), (1, 1, 0));
    assert_eq!((two(&mut second), one(&mut second), one(&mut second)), (1, 1, 0));
    assert_eq!(first, second);
    let counts = |no, seq| !first.voids(&heads[0].author, BranchNo(no), seq);
    assert_eq!([4, 5, 9].map(|seq| counts(0, seq)), [true, false, false], "only what they share");
    assert_eq!([5, 6, 7].map(|seq| counts(1, seq)), [true, true, false]);
    assert_eq!([7, 8].map(|seq| counts(2, seq)), [true, false], "nothing from here on");
    assert!(first.closes(&heads[0].author) && !first.voids(&key(3).id(), BranchNo(3), 1));
}

#[test]
fn a_closing_of_heads_of_another_author_is_none() {
    let closing = Closing { author: key(8).id(), heads: vec![commit(9, 4)] };
    let block = written(&authority(), &key(1), &[Control::Closed(closing)]);
    assert_eq!(Rulings::new().controls(&block), []);
}

fn authority() -> Authority {
    Authority::from_seed(&[7; 32])
}

fn space() -> SpaceId {
    authority().space("team-7").unwrap()
}

fn key(seed: u8) -> ReplicaKey {
    ReplicaKey::from_seed(&[seed; 32])
}

fn stamp(millis: u64) -> Hlc {
    Hlc::new(UnixMillis::new(NOON + millis), 0)
}

fn commit(author: u8, seq: u64) -> CommitId {
    CommitId { author: key(author).id(), seq, chain: Chain::from_bytes([author; 32]) }
}

fn book() -> AggregateId {
    AggregateId { kind: Name::new("book").unwrap(), key: Key::new(b"book").unwrap() }
}

fn refusal(commit: CommitId) -> Control {
    let rejection = Rejection::new("code", "reason").unwrap();
    Control::Refused(Refused { commit, aggregate: book(), rejection })
}

/// A commit that was dated so many milliseconds after noon.
fn suspect(seq: u64, ahead: u64) -> Suspect {
    let (commit, written) = (commit(9, seq), stamp(ahead));
    Suspect { commit, aggregate: book(), written, seen: Vec::new(), rejection: None }
}

fn blocks_of(authority: &Authority, hub: &ReplicaKey, ruled: &[Control]) -> Vec<Block> {
    let governor = Governor::new(authority.clone());
    let head = CommitId::root(&space(), hub.id());
    governor.write(&space(), hub, (head, 0), ruled, UnixMillis::new(NOON)).unwrap()
}

fn written(authority: &Authority, hub: &ReplicaKey, ruled: &[Control]) -> Block {
    let mut blocks = blocks_of(authority, hub, ruled);
    assert_eq!(blocks.len(), 1);
    blocks.remove(0)
}

fn block_of(key: &ReplicaKey, aggregate: AggregateId, event: EventRef, payload: Bytes) -> Block {
    let envelope = Envelope {
        dot: Dot { replica: key.id(), seq: 1 },
        aggregate,
        event,
        hlc: stamp(0),
        context: Context::new(),
        last: true,
        metadata: Metadata::new(),
        extensions: Bytes::new(),
        payload,
        tombstone: false,
    };
    let mut packer = BlockPacker::new(space());
    packer.push_commit(&CommitId::root(&space(), key.id()), 0, &[envelope]).unwrap();
    packer.finish(|end| end.sign(key)).unwrap()
}
