//! Accidents to files.

use super::super::ledger::Mistake;
use super::audit::Sound;
use super::rng::Rng;
use super::{NAMES, World};

/// Accident to the file of a node.
#[derive(Clone, Copy)]
pub(super) enum Accident {
    /// It is copied.
    Copied { node: usize },
    /// A copy of it is put back in its place. Noticed, it takes another key.
    Restored { node: usize, noticed: bool },
    /// It is replaced by a copy of another node's. Noticed, the copy takes a key of its own.
    Cloned { from: usize, to: usize, noticed: bool },
    /// It is lost; the node begins with an empty one.
    Lost { node: usize },
}

impl Accident {
    pub(super) fn draw(rng: &mut Rng, struck: &[usize]) -> Self {
        let node = struck[rng.index(struck.len())];
        match rng.up_to(9) {
            0..=3 => Self::Copied { node },
            4..=6 => Self::Restored { node, noticed: rng.per_mille(300) },
            7 | 8 => Self::Cloned {
                from: struck[rng.index(struck.len())],
                to: node,
                noticed: rng.per_mille(400),
            },
            _ => Self::Lost { node },
        }
    }

    /// Its number in a trace.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Copied { node } => node as u64,
            Self::Restored { node, noticed } => 100 + 40 * noticed as u64 + node as u64,
            Self::Cloned { from, to, noticed } => {
                200 + 40 * noticed as u64 + 6 * from as u64 + to as u64
            }
            Self::Lost { node } => 300 + node as u64,
        }
    }
}

impl World {
    /// True if a part may have got what would be lost from this node, and could give it to nobody.
    fn is_spared(&self, accident: Accident) -> bool {
        let node = match accident {
            Accident::Copied { .. } => return false,
            Accident::Restored { node, .. } | Accident::Lost { node } => node,
            Accident::Cloned { to, .. } => to,
        };
        self.plan.parts_meet && self.plan.writers.contains(&node) && !self.is_at_hubs(node)
    }

    /// Something happens to a node's file while the node is down.
    pub(super) fn strike(&mut self, accident: Accident) -> Sound {
        if self.is_spared(accident) {
            return Ok(());
        }
        let (node, file) = match accident {
            Accident::Copied { node } => {
                let copy = self.nodes[node].durable().clone();
                self.nodes[node].copies.push(copy);
                return Ok(());
            }
            Accident::Restored { node, noticed } => {
                let copies = &self.nodes[node].copies;
                if copies.is_empty() {
                    return Ok(());
                }
                let mut file = copies[self.rng.index(copies.len())].clone();
                if noticed {
                    file.nonce = self.rng.next();
                    file.take_new_key();
                }
                (node, file)
            }
            Accident::Cloned { from, to, noticed } => {
                let mut file = self.nodes[from].durable().clone();
                file.name = self.nodes[to].ledger.name.clone();
                if noticed {
                    file.nonce = self.rng.next();
                    file.take_new_key();
                }
                (to, file)
            }
            Accident::Lost { node } => {
                let mut file = self.plan.empty(NAMES[node]);
                file.nonce = self.rng.next();
                file.take_new_key();
                (node, file)
            }
        };
        self.report.accidents += 1;
        self.crash(node);
        self.nodes[node].ledger = file;
        let nonce = self.rng.next();
        let repeats = self.plan.mistake() == Some(Mistake::RepeatsNonce);
        self.nodes[node].ledger.nonce = if repeats { 0 } else { nonce };
        self.audit.replaced(node, &self.nodes[node].ledger);
        Ok(())
    }
}
