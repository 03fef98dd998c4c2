//! Envelopes come back from a block exactly as they were packed.

use std::collections::BTreeSet;

use super::*;

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn envelopes_come_back_as_they_were_packed(commits in commits()) {
        let block = pack(&commits);
        prop_assert_eq!(block.space(), &space());
        prop_assert_eq!(envelopes(&block), commits.concat());
        prop_assert_eq!(Block::parse(block.bytes().clone()).unwrap(), block);
    }

    #[test]
    fn commits_have_the_names_that_the_packer_gave_them(commits in commits()) {
        let mut packer = BlockPacker::new(space());
        let mut ends = BTreeMap::new();
        let mut names = Vec::new();
        for commit in &commits {
            let end = ends.entry(commit[0].dot.replica).or_insert_with(|| before(commit));
            *end = packer.push_commit(end, NONCE, commit).unwrap();
            prop_assert_eq!(end.dot(), commit.last().unwrap().dot);
            names.push(*end);
        }
        let block = packer.finish(unsigned).unwrap();
        let found: Vec<_> = block.commits().iter().map(|commit| commit.id).collect();
        prop_assert_eq!(found, names);
        prop_assert_eq!(block.ends().len(), ends.len());
        prop_assert!(block.ends().iter().all(|end| ends[&end.author] == *end));
        for (commit, events) in block.commits().iter().zip(&commits) {
            prop_assert_eq!(&envelopes(&block)[commit.entries.clone()], events.as_slice());
        }
    }

    #[test]
    fn a_tombstone_has_the_name_of_its_commit_and_nothing_of_what_it_says(commits in commits()) {
        let block = pack(&commits);
        let all = block.commits().iter().map(|commit| commit.id).collect();
        let buried = crate::log::bury(&block, &all);
        prop_assert!(buried.has_tombstones());
        prop_assert_eq!(buried.commits(), block.commits());
        let read = Block::parse(buried.bytes().clone()).unwrap();
        prop_assert_eq!(read.commits(), block.commits());
        for (tombstone, event) in envelopes(&buried).into_iter().zip(envelopes(&block)) {
            prop_assert_eq!(tombstone.payload.len(), if event.last { 32 } else { 0 });
            let (payload, extensions) = (tombstone.payload.clone(), Bytes::new());
            prop_assert_eq!(tombstone, Envelope { payload, extensions, tombstone: true, ..event });
        }
        prop_assert_eq!(crate::log::bury(&buried, &all), buried);
    }

    #[test]
    fn the_same_commits_give_the_same_bytes(commits in commits()) {
        prop_assert_eq!(pack(&commits), pack(&commits));
    }
}

#[test]
fn a_run_says_what_its_author_had_written_before() {
    let [ann, bob] = [replica(1), replica(2)];
    let block =
        pack(&[vec![note(ann, 8, b"a")], vec![note(bob, 1, b"b")], vec![note(ann, 9, b"c")]]);
    let [of_ann, of_bob] = block.runs() else { panic!("two authors") };
    assert_eq!((of_ann.first_seq, of_ann.last_seq(), of_ann.nonce), (8, 9, NONCE));
    assert_eq!(of_ann.before(), commit(ann, 7));
    assert_eq!(of_bob.before(), CommitId::root(&space(), bob));
    let of_ann: Vec<_> = block.commits_of(0).map(|commit| commit.id.seq).collect();
    assert_eq!(of_ann, [8, 9]);
}

#[test]
fn a_name_depends_on_every_part_of_a_commit() {
    let event = note(replica(1), 1, b"milk");
    let mut others = vec![event.clone(); 11];
    others[0].aggregate.kind = Name::new("list").unwrap();
    others[1].aggregate.key = Key::new(b"other").unwrap();
    others[2].event.name = Name::new("note.said").unwrap();
    others[3].event.version = 3;
    others[4].event.min_reader = 2;
    others[5].hlc = Hlc::ZERO;
    others[6].context = context([(replica(2), 1)]);
    others[7].context = context([(replica(2), 2)]);
    others[8].metadata.insert("actor", "ann").unwrap();
    others[9].extensions = Bytes::from_static(b"x");
    others[10].payload = Bytes::from_static(b"bread");
    let name = |before: &CommitId, nonce, events: &[Envelope]| {
        BlockPacker::new(space()).push_commit(before, nonce, events).unwrap().chain
    };
    let root = CommitId::root(&space(), replica(1));
    let mut names: BTreeSet<_> =
        others.iter().map(|other| name(&root, 1, std::slice::from_ref(other))).collect();
    let next = note(replica(1), 2, b"milk");
    let unfinished = Envelope { last: false, ..event.clone() };
    names.insert(name(&root, 1, std::slice::from_ref(&event)));
    names.insert(name(&root, 1, &[unfinished, next]));
    names.insert(name(&root, 2, std::slice::from_ref(&event)));
    names.insert(name(&commit(replica(1), 0), 1, &[event]));
    assert_eq!(names.len(), others.len() + 4);
}

#[test]
fn aggregates_are_listed_once_in_the_order_of_their_first_event() {
    let ann = replica(1);
    let on = |seq, key: &[u8]| {
        let mut event = note(ann, seq, b"x");
        event.aggregate.key = Key::new(key).unwrap();
        vec![event]
    };
    let block = pack(&[on(1, b"b"), on(2, b"a"), on(3, b"b")]);
    let keys: Vec<_> = block.aggregates().iter().map(|id| id.key.to_string()).collect();
    assert_eq!(keys, ["b", "a"]);
}

#[test]
fn payloads_share_the_memory_of_their_block() {
    let block = pack(&[vec![note(replica(1), 1, b"milk and honey")]]);
    let payload = block.entry(0).unwrap().payload();
    assert!(block.bytes().as_ptr_range().contains(&payload.as_ptr()));
    assert!(block.entry(1).is_none());
}

#[test]
fn a_similar_event_costs_its_payload_and_a_few_bytes() {
    let events: Vec<_> = (1..=1_000).map(|seq| vec![note(replica(1), seq, &[7; 40])]).collect();
    let bytes = pack(&events).bytes().len();
    assert!(bytes < 55 * 1_000, "{bytes} bytes");
}
