//! Envelopes come back from a block exactly as they were packed.

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
    fn heads_are_where_the_packer_and_the_envelopes_say_they_are(commits in commits()) {
        let mut packer = BlockPacker::new(space());
        let mut heads = BTreeMap::new();
        for commit in &commits {
            let author = commit[0].dot.replica;
            let before = *heads.entry(author).or_insert_with(|| head_before(commit));
            let after = packer.push_commit(&before, commit).unwrap();
            let running = commit.iter().fold(before.chain, |chain, event| event.chain(&space(), &chain));
            let last = commit.last().unwrap();
            prop_assert_eq!(after, Head { seq: last.dot.seq, hlc: last.hlc, chain: running });
            heads.insert(author, after);
        }
        let block = packer.finish().unwrap();
        prop_assert_eq!(block.heads().into_iter().collect::<BTreeMap<_, _>>(), heads.clone());
        for (replica, head) in heads {
            prop_assert_eq!(block.chain_at(Dot { replica, seq: head.seq }), Some(head.chain));
            prop_assert_eq!(block.chain_at(Dot { replica, seq: head.seq + 1 }), None);
        }
    }

    #[test]
    fn the_same_commits_give_the_same_bytes(commits in commits()) {
        prop_assert_eq!(pack(&commits), pack(&commits));
    }
}

#[test]
fn a_run_says_where_its_author_stood_before() {
    let [ann, bob] = [replica(1), replica(2)];
    let block =
        pack(&[vec![note(ann, 8, b"a")], vec![note(bob, 1, b"b")], vec![note(ann, 9, b"c")]]);
    let [of_ann, of_bob] = block.runs() else { panic!("two authors") };
    assert_eq!((of_ann.first_seq, of_ann.last_seq()), (8, 9));
    assert_eq!(of_ann.head_before().chain, head_before(&[note(ann, 8, b"a")]).chain);
    assert_eq!(of_bob.head_before(), Head::START);
    assert_eq!(block.chain_at(Dot { replica: ann, seq: 7 }), None, "before the run");
}

#[test]
fn the_chain_depends_on_every_part_of_an_envelope() {
    let event = note(replica(1), 1, b"milk");
    let mut others = vec![event.clone(); 11];
    others[0].dot.seq = 2;
    others[1].dot.replica = replica(2);
    others[2].aggregate.key = Key::new(b"other").unwrap();
    others[3].event.version = 3;
    others[4].event.min_reader = 2;
    others[5].hlc = Hlc::ZERO;
    others[6].context = context([(replica(2), 1)]);
    others[7].last = false;
    others[8].metadata.insert("actor", "ann").unwrap();
    others[9].extensions = Bytes::from_static(b"x");
    others[10].payload = Bytes::from_static(b"bread");
    let chain = |event: &Envelope| event.chain(&space(), &Chain::START);
    let distinct: std::collections::BTreeSet<_> =
        others.iter().chain([&event]).map(|event| *chain(event).as_bytes()).collect();
    assert_eq!(distinct.len(), 12);
    assert_ne!(chain(&event), event.chain(&SpaceId::default(), &Chain::START), "the space too");
    assert_ne!(chain(&event), event.chain(&space(), &chain(&event)), "and what came before");
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
