//! Frames of every kind, the smallest and the largest.

use bytes::Bytes;

use super::{events, numbered};
use crate::envelope::Chain;
use crate::id::{Dot, Position, ReplicaId, SPACE_BYTES_MAX, SpaceId, StoreId, StoreIdentity};
use crate::sync::Frame;
use crate::sync::frame::{GoodbyeCode, HeldHead, Hello, Resume, Start};
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, GOODBYE_BYTES_MAX};
use crate::vector::VECTOR_REPLICAS_MAX;

/// Every kind of frame, each as small and as large as it can be.
pub fn every_kind() -> Vec<Frame> {
    let mut frames = hellos();
    frames.extend(starts());
    frames.extend(all_events());
    frames.extend([numbered(0), numbered(u64::MAX)]);
    for code in [
        GoodbyeCode::Done,
        GoodbyeCode::CursorUnknown,
        GoodbyeCode::Refused,
        GoodbyeCode::Unsupported,
        GoodbyeCode::Unavailable,
        GoodbyeCode::Violation,
        GoodbyeCode::Other,
    ] {
        frames.push(Frame::goodbye(code, ""));
        frames.push(Frame::goodbye(code, &"ü".repeat(GOODBYE_BYTES_MAX / 2)));
    }
    frames
}

fn hellos() -> Vec<Frame> {
    let small = Hello {
        protocol: 0,
        store: StoreIdentity { id: StoreId::from_bytes([0; 16]), epoch: 0 },
        replica: ReplicaId::from_bytes([0; 32]),
        space: SpaceId::new("a").expect("a space"),
        nonce: [0; 32],
        sends: false,
        receives: false,
        takes_relayed: false,
        fingerprint: None,
    };
    let large = Hello {
        protocol: u32::MAX,
        store: StoreIdentity { id: StoreId::from_bytes([255; 16]), epoch: u64::MAX },
        replica: ReplicaId::from_bytes([255; 32]),
        space: SpaceId::new(&"ü".repeat(SPACE_BYTES_MAX / 2)).expect("a space"),
        nonce: [255; 32],
        sends: true,
        receives: true,
        takes_relayed: true,
        fingerprint: Some([255; 32]),
    };
    vec![Frame::Hello(small), Frame::Hello(large)]
}

fn starts() -> Vec<Frame> {
    let frontier = (0..VECTOR_REPLICAS_MAX).map(|n| {
        let mut bytes = [255; 32];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        Dot { replica: ReplicaId::from_bytes(bytes), seq: u64::MAX }
    });
    let start = |resume, holds_of_you, number| {
        Frame::Start(Start { signature: [9; 64], resume, holds_of_you, head: Position(number) })
    };
    let nothing = HeldHead { seq: 0, chain: Chain::START };
    let much = HeldHead { seq: u64::MAX, chain: Chain::from_bytes([255; 32]) };
    vec![
        start(Resume::Frontier(Vec::new()), nothing, 0),
        start(Resume::Frontier(frontier.collect()), much, u64::MAX),
        start(Resume::After(Position(0)), nothing, 0),
        start(Resume::After(Position(u64::MAX)), much, u64::MAX),
    ]
}

fn all_events() -> Vec<Frame> {
    let empty = events(u64::MAX, Vec::new());
    let overhead = events(0, vec![Bytes::new()]).size();
    let one_large = Bytes::from(vec![255; FRAME_BYTES_MAX - overhead]);
    let each = (FRAME_BYTES_MAX - empty.size()) / FRAME_BLOCKS_MAX - 8;
    let blocks = (0..FRAME_BLOCKS_MAX).map(|n| Bytes::from(vec![n.to_le_bytes()[0]; each]));
    let frames = vec![
        events(0, Vec::new()),
        empty,
        events(1, vec![Bytes::from_static(&[0])]),
        events(u64::MAX, vec![one_large]),
        events(u64::MAX, blocks.collect()),
        events(2, vec![Bytes::new(); FRAME_BLOCKS_MAX]),
    ];
    assert!(frames.iter().all(|frame| frame.size() <= FRAME_BYTES_MAX));
    frames
}
