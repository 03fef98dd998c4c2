//! The frames of a session. `proto/synckit/v1/sync.proto` is their reference on the wire.

use bytes::Bytes;

use super::limits::{GOODBYE_BYTES_MAX, PROTOCOL_VERSION};
use crate::envelope::{Chain, Head};
use crate::id::{Dot, Position, ReplicaId, SpaceId, StoreIdentity};
use crate::wire::{Field, WireType, Writer};

/// One message of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// Who speaks, and about which space.
    Hello(Hello),
    /// Proof of the speaker's key, and where to resume in the other's log.
    Start(Start),
    /// A part of the speaker's log.
    Events(Events),
    /// What of the other's log is committed.
    Ack(Ack),
    /// The end of the session.
    Goodbye(Goodbye),
}

/// A frame's kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named like the variants of Frame")]
pub enum FrameKind {
    Hello,
    Start,
    Events,
    Ack,
    Goodbye,
}

impl Frame {
    /// The frame's kind.
    pub const fn kind(&self) -> FrameKind {
        match self {
            Self::Hello(_) => FrameKind::Hello,
            Self::Start(_) => FrameKind::Start,
            Self::Events(_) => FrameKind::Events,
            Self::Ack(_) => FrameKind::Ack,
            Self::Goodbye(_) => FrameKind::Goodbye,
        }
    }

    /// No fewer bytes than the frame takes on the wire.
    pub fn size(&self) -> usize {
        const FIXED: usize = 512;
        let variable = match self {
            Self::Events(events) => events.blocks.iter().map(|block| block.len() + 8).sum(),
            Self::Start(Start { resume: Resume::Frontier(dots), .. }) => dots.len() * 56,
            Self::Goodbye(goodbye) => goodbye.message.len(),
            Self::Hello(_) | Self::Start(_) | Self::Ack(_) => 0,
        };
        FIXED + variable
    }

    /// A goodbye whose message is cut to what fits.
    pub fn goodbye(code: GoodbyeCode, message: &str) -> Self {
        let mut message = message.to_owned();
        while message.len() > GOODBYE_BYTES_MAX {
            message.pop();
        }
        Self::Goodbye(Goodbye { code, message })
    }
}

/// Who speaks, and about which space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The version of the protocol that the speaker speaks.
    pub protocol: u32,
    /// The speaker's store.
    pub store: StoreIdentity,
    /// The speaker's replica.
    pub replica: ReplicaId,
    /// The space that the session is about.
    pub space: SpaceId,
    /// 32 random bytes, so that nobody can answer with an old signature.
    pub nonce: [u8; 32],
    /// Whether the speaker sends its log.
    pub sends: bool,
    /// Whether the speaker receives the other's log.
    pub receives: bool,
    /// Whether the speaker takes events of other replicas than the one it speaks with. To one that
    /// does not, only one's own are sent.
    pub takes_relayed: bool,
    /// The fingerprint of the speaker's schemas and merge rules; `None` for a hub, which has none.
    pub fingerprint: Option<[u8; 32]>,
}

impl Hello {
    /// A greeting in the protocol version of this program.
    pub(super) const fn new(
        store: StoreIdentity,
        replica: ReplicaId,
        space: SpaceId,
        nonce: [u8; 32],
    ) -> Self {
        Self {
            protocol: PROTOCOL_VERSION,
            store,
            replica,
            space,
            nonce,
            sends: true,
            receives: true,
            takes_relayed: true,
            fingerprint: None,
        }
    }

    /// What a side signs to prove its key: a hash over both greetings and its role.
    ///
    /// The hash is BLAKE3 in key derivation mode with the context `synckit 2026 session handshake`,
    /// over the initiator's greeting and then the acceptor's, each as a length-delimited
    /// canonical message, and a last byte: 1 when the initiator signs, 2 when the acceptor
    /// does.
    pub fn transcript(initiator: &Self, acceptor: &Self, signed_by_initiator: bool) -> [u8; 32] {
        let mut out = Writer::new();
        out.nested(|out| initiator.write(out));
        out.nested(|out| acceptor.write(out));
        let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 session handshake");
        // Two levels of nesting are never too deep.
        hasher.update(&out.finish().unwrap_or_default());
        hasher.update(&[if signed_by_initiator { 1 } else { 2 }]);
        *hasher.finalize().as_bytes()
    }

    fn write(&self, out: &mut Writer) {
        self.protocol.write_field(1, out);
        self.store.id.as_bytes().write_field(2, out);
        self.store.epoch.write_field(3, out);
        self.replica.as_bytes().write_field(4, out);
        out.tag(5, WireType::Len);
        out.bytes(self.space.as_str().as_bytes());
        self.nonce.write_field(6, out);
        self.sends.write_field(7, out);
        self.receives.write_field(8, out);
        self.fingerprint.write_field(9, out);
        self.takes_relayed.write_field(10, out);
    }
}

/// Proof of the speaker's key, and where to resume in the other's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// Ed25519 signature over [`Hello::transcript`].
    pub signature: [u8; 64],
    /// Where to resume in the other's log.
    pub resume: Resume,
    /// How far the speaker holds the events of the *other's* replica.
    pub holds_of_you: HeldHead,
    /// How many events the speaker's log holds.
    pub head: Position,
}

/// A replica's head without its clock reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldHead {
    /// The number of the last event held.
    pub seq: u64,
    /// The chain there.
    pub chain: Chain,
}

impl From<Head> for HeldHead {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, chain: head.chain }
    }
}

/// Where to resume in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resume {
    /// After this position: the cursor that was committed together with the events before it.
    After(Position),
    /// There is no cursor that holds: from the beginning, leaving out the events named (and those
    /// before them).
    Frontier(Vec<Dot>),
}

/// A part of the speaker's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Events {
    /// The position in the speaker's log that this frame reaches. It may pass over events that the
    /// other needs not be sent.
    pub through: Position,
    /// How many events the speaker's log holds, so that the other can tell how much is to come.
    pub head: Position,
    /// Blocks in log order.
    pub blocks: Vec<Bytes>,
}

/// What of the other's log is committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// Durable up to this position of the other's log.
    pub through: Position,
}

/// The end of the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Goodbye {
    /// Why.
    pub code: GoodbyeCode,
    /// For people.
    pub message: String,
}

/// Why a side ends the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GoodbyeCode {
    /// Everything asked for is done.
    Done,
    /// The cursor given in `Start` is not one of this log. Resume by frontier.
    CursorUnknown,
    /// The log refuses what was sent.
    Refused,
    /// The version of the protocol is not spoken here.
    Unsupported,
    /// Not now. Try again later.
    Unavailable,
    /// The protocol was violated.
    Violation,
    /// A reason that this version does not know.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StoreId;

    #[test]
    fn a_goodbye_is_cut_between_characters() {
        let said = "ü".repeat(GOODBYE_BYTES_MAX);
        let Frame::Goodbye(goodbye) = Frame::goodbye(GoodbyeCode::Other, &said) else { panic!() };
        assert_eq!(goodbye.message.len(), GOODBYE_BYTES_MAX);
        let Frame::Goodbye(goodbye) = Frame::goodbye(GoodbyeCode::Other, &format!("a{said}"))
        else {
            panic!()
        };
        assert_eq!(goodbye.message.len(), GOODBYE_BYTES_MAX - 1);
    }

    #[test]
    fn what_is_signed_depends_on_every_word_of_both_greetings_and_on_who_signs() {
        let (ann, bob) = (hello(1), hello(2));
        let changes: [fn(&mut Hello); 10] = [
            |hello| hello.protocol += 1,
            |hello| hello.store.id = StoreId::from_bytes([9; 16]),
            |hello| hello.store.epoch += 1,
            |hello| hello.replica = ReplicaId::from_bytes([9; 32]),
            |hello| hello.space = SpaceId::new("elsewhere").unwrap(),
            |hello| hello.nonce[31] ^= 1,
            |hello| hello.sends = false,
            |hello| hello.receives = false,
            |hello| hello.takes_relayed = false,
            |hello| hello.fingerprint = Some([0; 32]),
        ];
        let mut signed = vec![
            Hello::transcript(&ann, &bob, true),
            Hello::transcript(&ann, &bob, false),
            Hello::transcript(&bob, &ann, true),
        ];
        for change in changes {
            let (mut other_ann, mut other_bob) = (ann.clone(), bob.clone());
            change(&mut other_ann);
            change(&mut other_bob);
            signed.push(Hello::transcript(&other_ann, &bob, true));
            signed.push(Hello::transcript(&ann, &other_bob, true));
        }
        let count = signed.len();
        signed.sort_unstable();
        signed.dedup();
        assert_eq!(signed.len(), count);
    }

    fn hello(name: u8) -> Hello {
        let store = StoreIdentity { id: StoreId::from_bytes([name; 16]), epoch: 1 };
        let replica = ReplicaId::from_bytes([name; 32]);
        Hello::new(store, replica, SpaceId::default(), [name; 32])
    }
}
