//! A frame comes back from its bytes, and nothing else is taken for one.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::chain::Chain;
use crate::log::Digest;
use crate::sync::limits::FRONTIER_COMMITS_MAX;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_comes_back_from_its_bytes(frame in any_frame()) {
        let bytes = frame.encode().unwrap();
        prop_assert!(bytes.len() <= frame.size(), "{} > {}", bytes.len(), frame.size());
        prop_assert_eq!(Frame::decode(bytes).unwrap(), frame);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Frame::decode(bytes.into());
    }

    #[test]
    fn damaged_frames_are_read_or_refused(
        frame in any_frame(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = frame.encode().unwrap().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Frame::decode(bytes.clone().into());
        bytes.truncate(cut.index(bytes.len()));
        let _ = Frame::decode(bytes.into());
    }
}

#[test]
fn the_smallest_and_largest_frames_come_back_from_their_bytes() {
    for frame in samples::extremes() {
        let bytes = frame.encode().unwrap();
        assert!(bytes.len() <= frame.size());
        assert_eq!(Frame::decode(bytes).unwrap(), frame);
    }
}

#[test]
fn blocks_share_the_bytes_of_their_frame() {
    let bytes = events(vec![Bytes::from_static(b"block")]).encode().unwrap();
    let range = bytes.as_ptr_range();
    let Frame::Events(read) = Frame::decode(bytes.clone()).unwrap() else { panic!() };
    assert!(range.contains(&read.blocks[0].as_ptr()));
}

#[test]
fn a_frame_that_is_too_large_has_no_bytes() {
    let large = events(vec![Bytes::from(vec![0; FRAME_BYTES_MAX])]).encode().unwrap_err();
    let many = events(vec![Bytes::new(); FRAME_BLOCKS_MAX + 1]).encode().unwrap_err();
    for error in [large, many] {
        assert!(matches!(error.reason(), Unsound::TooLarge { .. }), "{error}");
    }
    let error = Frame::decode(vec![0x1a; MESSAGE_BYTES_MAX + 1].into()).unwrap_err();
    assert!(matches!(error.reason(), Unsound::TooLarge { .. }), "{error}");
}

#[test]
fn entries_are_counted_before_memory_is_taken() {
    let through = field(1, &field(2, &[1; 32]));
    let most = [&through[..], &[0x1a, 0].repeat(FRAME_BLOCKS_MAX)].concat();
    assert!(Frame::decode(body(3, &most)).is_ok());
    let error = Frame::decode(body(3, &[&most[..], &[0x1a, 0]].concat())).unwrap_err();
    assert_eq!(error.to_string(), "Events.blocks: 4097 blocks are more than the 4096 allowed");

    let commit = [&[0x0a, 70, 0x0a, 32][..], &[7; 32], &[0x10, 1, 0x1a, 32], &[9; 32]].concat();
    let frontier = |count| body(2, &[&SIGNATURE[..], &field(3, &commit.repeat(count))].concat());
    let error = Frame::decode(frontier(FRONTIER_COMMITS_MAX + 1)).unwrap_err();
    let said = "Start.resume: Holds.commits: 12001 commits are more than the 12000 allowed";
    assert_eq!(error.to_string(), said);
    assert!(Frame::decode(frontier(FRONTIER_COMMITS_MAX)).is_ok());
}

#[test]
fn the_field_to_blame_is_named() {
    let refusal = |number, fields: &[&[u8]]| {
        Frame::decode(body(number, &fields.concat())).unwrap_err().to_string()
    };
    let zero = [0; 34];
    let replica = field(2, &[1; 32]);
    let space = field(3, b"a");
    assert_eq!(
        Frame::decode(Bytes::new()).unwrap_err().to_string(),
        "Frame: it is of no known kind"
    );
    assert_eq!(refusal(9, &[]), "Frame: it is of no known kind");
    assert_eq!(refusal(1, &[]), "Hello.replica: it has 32 bytes, not 0");
    assert_eq!(refusal(1, &[&field(2, &[1; 33])]), "Hello.replica: it has 32 bytes, not 33");
    assert_eq!(refusal(1, &[&replica]), "Hello.space: a space name may not be empty");
    assert_eq!(refusal(1, &[&replica, &space]), "Hello.nonce: it has 32 bytes, not 0");
    assert_eq!(refusal(2, &[&field(1, &[1; 63])]), "Start.signature: it has 64 bytes, not 63");
    assert_eq!(refusal(2, &[&SIGNATURE]), "Start.resume: it is missing");
    let place = field(2, &field(2, &[1; 32]));
    assert_eq!(
        refusal(2, &[&SIGNATURE, &place, &field(3, &[])]),
        "Start.resume: both alternatives are set"
    );
    assert_eq!(
        refusal(2, &[&SIGNATURE, &field(2, &[0x08, 1])]),
        "Start.resume: Place.digest: it has 32 bytes, not 0"
    );
    let commit = [&field(1, &[1; 32])[..], &[0x10, 0], &field(3, &[1; 32])].concat();
    assert_eq!(
        refusal(2, &[&SIGNATURE, &field(3, &field(1, &commit))]),
        "Start.resume: Holds.commits: there is no event number 0"
    );
    assert_eq!(refusal(4, &[&zero[..1]]), "Ack.through: byte 0: not a field tag");
    let two = [body(4, &[]), body(5, &[])].concat();
    assert_eq!(
        Frame::decode(two.into()).unwrap_err().to_string(),
        "Frame: both alternatives are set"
    );
}

/// As any protobuf library writes it.
#[test]
fn zeros_may_be_left_out() {
    let ack = Frame::Ack(Ack::new(Position::START));
    assert_eq!(Frame::decode(body(4, &[])).unwrap(), ack);
    let sparse = [&field(2, &[2; 32])[..], &field(3, b"a"), &field(4, &[3; 32])];
    let Frame::Hello(hello) = Frame::decode(body(1, &sparse.concat())).unwrap() else { panic!() };
    assert_eq!((hello.protocol, hello.sends, hello.fingerprint), (0, false, None));
    assert_eq!(**hello.as_bytes(), sparse.concat(), "what is signed is what travelled");
}

#[test]
fn what_later_versions_add_is_passed_over() {
    let later = [&[0xa0, 0x06, 0x01][..], &[0xaa, 0x06, 0x02, 0x08, 0x01]].concat();
    let goodbye =
        body(5, &[&[0x08, 99][..], &field(2, "ü".repeat(600).as_bytes()), &later].concat());
    let expected = Frame::goodbye(GoodbyeCode::Other, &"ü".repeat(512));
    assert_eq!(Frame::decode([&goodbye[..], &later].concat().into()).unwrap(), expected);
}

#[test]
fn a_goodbye_is_cut_between_characters() {
    let said = "ü".repeat(1_024);
    let length = |said: &str| match Frame::goodbye(GoodbyeCode::Other, said) {
        Frame::Goodbye(goodbye) => goodbye.message.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(length(&said), 1_024);
    assert_eq!(length(&format!("a{said}")), 1_023);
}

#[test]
fn what_is_signed_depends_on_every_byte_of_both_greetings_and_on_who_signs() {
    let (ann, bob) = (greeting(1), greeting(2));
    let mut signed = vec![
        Greeting::transcript(&ann, &bob, true),
        Greeting::transcript(&ann, &bob, false),
        Greeting::transcript(&bob, &ann, true),
    ];
    for at in 0..ann.as_bytes().len() {
        let changed = |greeting: &Greeting| {
            let mut bytes = greeting.bytes.to_vec();
            bytes[at] ^= 1;
            Greeting { bytes: bytes.into(), ..greeting.clone() }
        };
        signed.push(Greeting::transcript(&changed(&ann), &bob, true));
        signed.push(Greeting::transcript(&ann, &changed(&bob), true));
    }
    let count = signed.len();
    signed.sort_unstable();
    signed.dedup();
    assert_eq!(signed.len(), count);
}

const SIGNATURE: [u8; 66] = {
    let mut field = [1; 66];
    field[0] = 0x0a;
    field[1] = 64;
    field
};

/// The bytes of a frame, and of a field, by no other means than what protobuf says.
fn body(number: u8, fields: &[u8]) -> Bytes {
    field(number, fields).into()
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![(number << 3) | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    bytes.extend(content);
    bytes
}

fn greeting(name: u8) -> Greeting {
    let replica = ReplicaId::from_bytes([name; 32]);
    Hello::new(replica, SpaceId::default(), [name; 32], UnixMillis::new(7)).into()
}

fn events(blocks: Vec<Bytes>) -> Frame {
    Frame::Events(Events::new(place(1, [3; 32]), Position(2), blocks))
}

fn place(position: u64, digest: [u8; 32]) -> Cursor {
    Cursor { position: Position(position), digest: Digest::from_bytes(digest) }
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let id = || any::<[u8; 32]>();
    let extreme = prop::sample::select(samples::extremes());
    let commit = (id(), 1..=u64::MAX, id()).prop_map(|(author, seq, chain)| CommitId {
        author: ReplicaId::from_bytes(author),
        seq,
        chain: Chain::from_bytes(chain),
    });
    let holds = vec(commit.clone(), 0..20).prop_map(|commits| Frame::Holds(Holds { commits }));
    let resume = prop_oneof![
        (any::<u64>(), id()).prop_map(|(position, digest)| Resume::After(place(position, digest))),
        vec(commit, 0..20).prop_map(Resume::Frontier),
    ];
    let start = (id(), resume, any::<u64>());
    let start = start.prop_map(|(half, resume, head)| {
        let mut signature = [0; 64];
        signature[32..].copy_from_slice(&half);
        Frame::Start(Start { signature, resume, head: Position(head), wants_types: false })
    });
    let block = vec(any::<u8>(), 0..50).prop_map(Bytes::from);
    let events = (any::<u64>(), id(), any::<u64>(), vec(block, 0..20));
    let events = events.prop_map(|(through, digest, head, blocks)| {
        let through = place(through, digest);
        Frame::Events(Events::new(through, Position(head), blocks))
    });
    let goodbye = any::<String>().prop_map(|text| Frame::goodbye(GoodbyeCode::Refused, &text));
    prop_oneof![extreme, start, holds, events, goodbye]
}
