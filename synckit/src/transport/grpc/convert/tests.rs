use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::id::SPACE_BYTES_MAX;
use crate::sync::limits::{FRAME_BYTES_MAX, GOODBYE_BYTES_MAX};

/// Reads a message as the codec does.
fn read(bytes: &[u8]) -> Result<Frame, NotAFrame> {
    check_counts(bytes)?;
    from_proto(proto::Frame::decode(bytes)?)
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let id = || any::<[u8; 32]>();
    let hello = (
        (any::<u32>(), any::<[u8; 16]>(), any::<u64>(), id()),
        ("[^\\p{Cc}]{1,32}", id(), any::<[bool; 3]>(), any::<Option<[u8; 32]>>()),
    );
    let hello = hello.prop_map(|((protocol, store, epoch, replica), rest)| {
        let (space, nonce, [sends, receives, takes_relayed], fingerprint) = rest;
        let store = StoreIdentity { id: StoreId::from_bytes(store), epoch };
        let (replica, space) = (ReplicaId::from_bytes(replica), SpaceId::new(&space).unwrap());
        Frame::Hello(Hello {
            protocol,
            store,
            replica,
            space,
            nonce,
            sends,
            receives,
            takes_relayed,
            fingerprint,
        })
    });
    let dot = (id(), 1..=u64::MAX)
        .prop_map(|(replica, seq)| Dot { replica: ReplicaId::from_bytes(replica), seq });
    let resume = prop_oneof![
        any::<u64>().prop_map(|position| Resume::After(Position(position))),
        vec(dot, 0..20).prop_map(Resume::Frontier),
    ];
    let held = prop_oneof![
        Just(HeldHead { seq: 0, chain: Chain::START }),
        (1..=u64::MAX, id())
            .prop_map(|(seq, chain)| HeldHead { seq, chain: Chain::from_bytes(chain) }),
    ];
    let start = (id(), id(), resume, held, any::<u64>());
    let start = start.prop_map(|(left, right, resume, holds_of_you, head)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&left);
        signature[32..].copy_from_slice(&right);
        Frame::Start(Start { signature, resume, holds_of_you, head: Position(head) })
    });
    let block = vec(any::<u8>(), 0..50).prop_map(Bytes::from);
    let events = (any::<u64>(), any::<u64>(), vec(block, 0..20));
    let events = events.prop_map(|(through, head, blocks)| {
        Frame::Events(Events { through: Position(through), head: Position(head), blocks })
    });
    let ack = any::<u64>().prop_map(|through| Frame::Ack(Ack { through: Position(through) }));
    let code = prop_oneof![
        Just(GoodbyeCode::Done),
        Just(GoodbyeCode::CursorUnknown),
        Just(GoodbyeCode::Refused),
        Just(GoodbyeCode::Unsupported),
        Just(GoodbyeCode::Unavailable),
        Just(GoodbyeCode::Violation),
        Just(GoodbyeCode::Other),
    ];
    let goodbye = (code, any::<String>()).prop_map(|(code, text)| Frame::goodbye(code, &text));
    prop_oneof![hello, start, events, ack, goodbye]
}

proptest! {
    #[test]
    fn every_frame_survives_the_wire(frame in any_frame()) {
        let bytes = to_proto(frame.clone()).encode_to_vec();
        prop_assert!(bytes.len() <= frame.size(), "{} > {}", bytes.len(), frame.size());
        prop_assert_eq!(read(&bytes).unwrap(), frame);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn damaged_frames_are_read_or_refused(
        frame in any_frame(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = to_proto(frame).encode_to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&bytes);
    }

    #[test]
    fn what_prost_reads_has_been_counted_right(blocks in 0_usize..40, twice in any::<bool>()) {
        let events = Events { through: Position(1), head: Position(2), blocks: vec![Bytes::new(); blocks] };
        let mut bytes = to_proto(Frame::Events(events)).encode_to_vec();
        if twice {
            bytes.extend(bytes.clone());
        }
        let counted = count(&bytes, &[3, 3]).unwrap();
        let Ok(Frame::Events(read)) = from_proto(proto::Frame::decode(&*bytes).unwrap()) else {
            panic!("not events");
        };
        prop_assert_eq!(counted, read.blocks.len());
    }
}

#[test]
fn entries_are_counted_before_memory_is_taken() {
    let events = |blocks| Frame::Events(Events { through: Position(1), head: Position(1), blocks });
    let most = to_proto(events(vec![Bytes::new(); FRAME_BLOCKS_MAX])).encode_to_vec();
    assert!(read(&most).is_ok());
    let more = to_proto(events(vec![Bytes::new(); FRAME_BLOCKS_MAX + 1])).encode_to_vec();
    let refused =
        NotAFrame::TooMany { what: "blocks", max: FRAME_BLOCKS_MAX, found: FRAME_BLOCKS_MAX + 1 };
    assert_eq!(check_counts(&more), Err(refused.clone()));
    assert_eq!(from_proto(proto::Frame::decode(&*more).unwrap()), Err(refused));

    // The same field twice: protobuf joins the lists.
    let half = to_proto(events(vec![Bytes::new(); FRAME_BLOCKS_MAX / 2 + 1])).encode_to_vec();
    assert!(check_counts(&[half.clone(), half].concat()).is_err());
}

#[test]
fn a_frontier_names_no_more_replicas_than_a_space_has() {
    let dots = |count| vec![proto::Dot { replica: copied(&[1; 32]), seq: 1 }; count];
    let frame = |count| {
        let mut start = sound_start();
        start.resume = Some(proto::start::Resume::Frontier(proto::Frontier { dots: dots(count) }));
        proto::Frame { body: Some(proto::frame::Body::Start(start)) }.encode_to_vec()
    };
    assert!(read(&frame(VECTOR_REPLICAS_MAX)).is_ok());
    assert!(check_counts(&frame(VECTOR_REPLICAS_MAX + 1)).is_err());
}

#[test]
fn what_is_wrong_is_named() {
    use proto::frame::Body;
    let refusal = |body| from_proto(proto::Frame { body }).unwrap_err().to_string();
    let hello = |change: fn(&mut proto::Hello)| {
        let mut hello = sound_hello();
        change(&mut hello);
        refusal(Some(Body::Hello(hello)))
    };
    let start = |change: fn(&mut proto::Start)| {
        let mut start = sound_start();
        change(&mut start);
        refusal(Some(Body::Start(start)))
    };
    let short = || copied(&[1; 31]);

    assert_eq!(refusal(None), "the body of a frame is missing or of an unknown kind");
    assert_eq!(hello(|h| h.replica = copied(&[])), "a replica id has 32 bytes, not 0");
    assert_eq!(hello(|h| h.store_id = copied(&[1; 17])), "a store id has 16 bytes, not 17");
    assert_eq!(hello(|h| h.nonce = copied(&[1; 31])), "a nonce has 32 bytes, not 31");
    assert_eq!(hello(|h| h.fingerprint = Some(copied(&[]))), "a fingerprint has 32 bytes, not 0");
    assert_eq!(hello(|h| h.space.clear()), "a space name may not be empty");
    assert!(hello(|h| h.space = "a".repeat(SPACE_BYTES_MAX + 1)).contains("longer than the 128"));
    assert_eq!(start(|s| s.signature = copied(&[1; 63])), "a signature has 64 bytes, not 63");
    assert!(start(|s| s.resume = None).starts_with("where to resume is missing"));
    assert!(start(|s| s.holds_of_you = None).starts_with("what is held of the other is missing"));
    let held = |seq, chain| Some(proto::HeldHead { seq, chain });
    let mut unsound = sound_start();
    unsound.holds_of_you = held(0, copied(&[1; 32]));
    assert_eq!(
        refusal(Some(Body::Start(unsound.clone()))),
        "the chain before the first event is not zero"
    );
    unsound.holds_of_you = held(1, short());
    assert_eq!(refusal(Some(Body::Start(unsound.clone()))), "a chain has 32 bytes, not 31");
    unsound = sound_start();
    let dots = vec![proto::Dot { replica: copied(&[1; 32]), seq: 0 }];
    unsound.resume = Some(proto::start::Resume::Frontier(proto::Frontier { dots }));
    assert_eq!(refusal(Some(Body::Start(unsound))), "there is no event number 0");
}

#[test]
fn unknown_codes_fields_and_long_texts_do_no_harm() {
    let goodbye = proto::Goodbye { code: 99, message: "ü".repeat(GOODBYE_BYTES_MAX) };
    let mut bytes =
        proto::Frame { body: Some(proto::frame::Body::Goodbye(goodbye)) }.encode_to_vec();
    bytes.extend([0xa0, 0x06, 0x01]); // Field 100, a varint.
    bytes.extend([0xaa, 0x06, 0x02, 0x08, 0x01]); // Field 101, a message.
    let expected = Frame::goodbye(GoodbyeCode::Other, &"ü".repeat(GOODBYE_BYTES_MAX / 2));
    assert_eq!(read(&bytes).unwrap(), expected);
}

#[test]
fn the_size_of_a_frame_is_never_less_than_its_bytes() {
    for frame in [
        Events { through: Position(u64::MAX), head: Position(u64::MAX), blocks: Vec::new() },
        Events {
            through: Position(u64::MAX),
            head: Position(u64::MAX),
            blocks: vec![Bytes::from(vec![0; 127]); FRAME_BLOCKS_MAX],
        },
        Events {
            through: Position(u64::MAX),
            head: Position(u64::MAX),
            blocks: vec![Bytes::from(vec![0; FRAME_BYTES_MAX - 520])],
        },
    ] {
        let frame = Frame::Events(frame);
        let size = frame.size();
        assert!(to_proto(frame).encoded_len() <= size);
    }
}

/// Frames whose bytes are set down in docs/protocol.md for clients in other languages.
#[test]
fn the_golden_frames_are_those_in_the_reference() {
    let document = include_str!("../../../../docs/protocol.md");
    for (name, frame) in golden() {
        let hex = crate::id::hex(&to_proto(frame.clone()).encode_to_vec());
        let line = format!("{name:<8} {hex}\n");
        assert!(document.contains(&line), "docs/protocol.md lacks\n{line}");
        let bytes = to_proto(frame.clone()).encode_to_vec();
        assert_eq!(read(&bytes).unwrap(), frame);
    }
    let transcript = crate::id::hex(&golden_transcript());
    assert!(document.contains(&transcript), "docs/protocol.md lacks the transcript {transcript}");
}

/// With nothing but what sync.proto says.
#[test]
fn the_transcript_is_made_as_the_reference_says() {
    let hello = |byte: u8, fingerprint: &[u8]| {
        let fields: [&[u8]; 7] = [
            &[&[0x08, 1, 0x12, 16][..], &[byte; 16], &[0x18, 0]].concat(),
            &[&[0x22, 32][..], &[byte + 1; 32]].concat(),
            b"\x2a\x06team-7",
            &[&[0x32, 32][..], &[byte + 2; 32]].concat(),
            &[0x38, 1, 0x40, 1],
            fingerprint,
            &[0x50, u8::from(byte == 0x10)],
        ];
        let canonical = fields.concat();
        let mut length = Vec::new();
        prost::encode_length_delimiter(canonical.len(), &mut length).unwrap();
        [length, canonical].concat()
    };
    let fingerprint = [&[0x4a, 32][..], &[0x13; 32]].concat();
    let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 session handshake");
    hasher.update(&hello(0x10, &fingerprint)).update(&hello(0x20, &[])).update(&[1]);
    assert_eq!(*hasher.finalize().as_bytes(), golden_transcript());
}

fn golden_hello(byte: u8, space: &str, fingerprint: Option<[u8; 32]>) -> Hello {
    Hello {
        protocol: 1,
        store: StoreIdentity { id: StoreId::from_bytes([byte; 16]), epoch: 0 },
        replica: ReplicaId::from_bytes([byte + 1; 32]),
        space: SpaceId::new(space).unwrap(),
        nonce: [byte + 2; 32],
        sends: true,
        receives: true,
        takes_relayed: byte == 0x10,
        fingerprint,
    }
}

fn golden_transcript() -> [u8; 32] {
    let initiator = golden_hello(0x10, "team-7", Some([0x13; 32]));
    let acceptor = golden_hello(0x20, "team-7", None);
    Hello::transcript(&initiator, &acceptor, true)
}

fn golden() -> Vec<(&'static str, Frame)> {
    let dot = Dot { replica: ReplicaId::from_bytes([0x31; 32]), seq: 300 };
    let start = |resume, holds_of_you| {
        Frame::Start(Start { signature: [0x40; 64], resume, holds_of_you, head: Position(1_000) })
    };
    let nothing = HeldHead { seq: 0, chain: Chain::START };
    let five = HeldHead { seq: 5, chain: Chain::from_bytes([0x50; 32]) };
    let blocks = vec![Bytes::from_static(b"block"), Bytes::from_static(b"another")];
    vec![
        ("Hello", Frame::Hello(golden_hello(0x10, "team-7", Some([0x13; 32])))),
        ("Hello", Frame::Hello(golden_hello(0x20, "team-7", None))),
        ("Start", start(Resume::After(Position(700)), five)),
        ("Start", start(Resume::Frontier(vec![dot]), nothing)),
        ("Events", Frame::Events(Events { through: Position(1), head: Position(1_000), blocks })),
        ("Ack", Frame::Ack(Ack { through: Position(1) })),
        ("Goodbye", Frame::goodbye(GoodbyeCode::Done, "done")),
    ]
}

fn sound_hello() -> proto::Hello {
    hello_to_proto(&golden_hello(1, "a", None))
}

fn sound_start() -> proto::Start {
    start_to_proto(Start {
        signature: [1; 64],
        resume: Resume::After(Position(1)),
        holds_of_you: HeldHead { seq: 0, chain: Chain::START },
        head: Position(1),
    })
}
