//! Peers that say what is not so: under another's name, or of what another wrote.

use bytes::Bytes;

use super::{NAMES, World};
use crate::block::Block;
use crate::id::ReplicaId;
use crate::key::ReplicaKey;
use crate::log::bury;
use crate::sync::frame::{Frame, Hello};

/// The subject that the initiator of a connection lies about.
#[derive(Clone, Copy)]
pub(super) enum Lie {
    /// It says that it has another's key.
    Name(ReplicaId),
    /// It changes what others wrote.
    Content,
    /// It keeps to itself what others wrote, as if hubs had refused it.
    Silence,
}

impl World {
    /// A lie to a node. One that holds a part believes what its peer has cut.
    pub(super) fn draw_lie(&mut self, to: usize) -> Lie {
        if self.rng.per_mille(250) {
            return Lie::Silence;
        }
        if self.rng.per_mille(333) && self.nodes[to].ledger.filter.is_none() {
            return Lie::Content;
        }
        let node = self.rng.index(self.plan.nodes);
        Lie::Name(if self.rng.per_mille(500) {
            self.nodes[node].ledger.replica()
        } else {
            ReplicaKey::from_seed(blake3::hash(NAMES[node].as_bytes()).as_bytes()).id()
        })
    }
}

impl Lie {
    /// Changes a frame.
    pub(super) fn tell(self, frame: Frame) -> Frame {
        match (self, frame) {
            (Self::Name(replica), Frame::Hello(hello)) => {
                Frame::Hello(Hello { replica, ..Hello::clone(&hello) }.into())
            }
            (Self::Content, Frame::Events(mut events)) => {
                events.blocks = events.blocks.iter().map(forged).collect();
                Frame::Events(events)
            }
            (Self::Silence, Frame::Events(mut events)) => {
                events.blocks = events.blocks.iter().map(buried).collect();
                Frame::Events(events)
            }
            (_, frame) => frame,
        }
    }
}

/// A block with tombstones in place of all its commits.
fn buried(bytes: &Bytes) -> Bytes {
    let block = Block::parse(bytes.clone()).unwrap();
    let all = block.commits().iter().map(|commit| commit.id).collect();
    bury(&block, &all).bytes().clone()
}

/// A block whose last byte is another, and whose checksum fits.
fn forged(block: &Bytes) -> Bytes {
    let mut bytes = block.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    let body = blake3::hash(&bytes[21..]);
    bytes[5..21].copy_from_slice(&body.as_bytes()[..16]);
    bytes.into()
}
